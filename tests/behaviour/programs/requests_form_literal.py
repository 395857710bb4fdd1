# codemods: replace_requests_with_httpx
# level: any
"""A form that is written out."""

import requests


async def sign_in(base: str, name: str) -> int:
    try:
        response = requests.post(base + "/echo/login", data={"user": name, "remember": "1"})
        response.raise_for_status()
    except requests.RequestException:
        return -1
    return len(response.content)


async def main(base):
    return await sign_in(base, "ada lovelace")
