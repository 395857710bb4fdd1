# codemods: replace_requests_with_httpx
# level: any
"""A response that another function of the file looks at."""

import requests


async def fetch(base: str, code: int) -> requests.Response:
    return requests.get(f"{base}/status/{code}")


async def describe(base: str, code: int) -> str:
    response = await fetch(base, code)
    if not response.ok:
        return f"failed: {response.reason}"
    return response.text


async def main(base):
    return [await describe(base, code) for code in (200, 404)]
