# codemods: replace_requests_with_httpx
# level: optional
"""A response as an operand, whose own value may come out."""

import requests


async def code_of(url: str):
    response = requests.get(url)
    return response and response.status_code, (response or None) is None


async def main(base):
    return [str((await code_of(f"{base}/status/{code}"))[1]) for code in (200, 404)]
