# codemods: replace_requests_with_httpx
# level: none
"""Keywords that nobody can see."""

import requests


async def call(method: str, url: str, **options):
    return requests.request(method, url, **options).status_code


async def main(base):
    return await call("GET", base + "/status/202", params={"a": None}, timeout=5)
