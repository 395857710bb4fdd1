# codemods: replace_requests_with_httpx
# level: any
"""One request, all of whose errors are handled here."""

import requests


async def is_up(base: str, path: str) -> bool:
    try:
        response = requests.get(f"{base}/{path}", timeout=5)
    except requests.RequestException:
        return False
    return response.status_code == 200


async def main(base):
    return [
        await is_up(base, "json"),
        await is_up(base, "status/404"),
        await is_up(base, "close"),
        await is_up(base, "redirect/3"),
        await is_up(base, "loop"),
        await is_up("http://127.0.0.1:1", "refused"),
    ]
