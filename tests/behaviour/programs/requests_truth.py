# codemods: replace_requests_with_httpx
# level: any
"""A response is false when its status says so."""

import requests


async def judge(url: str):
    response = requests.get(url)
    if not response:
        return "bad", response.status_code, response.ok
    words = "good" if response else "never"
    return words, bool(response), response.ok


async def main(base):
    return [await judge(f"{base}/status/{code}") for code in (200, 204, 300, 404, 500)]
