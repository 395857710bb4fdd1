# codemods: replace_requests_with_httpx
# level: any
"""Plain functions go on to use the library."""

import asyncio

import requests


def sync_size(url: str) -> int:
    return len(requests.get(url).content)


async def async_size(url: str) -> int:
    return len(requests.get(url).content)


async def main(base):
    url = base + "/bytes/12"
    return await asyncio.to_thread(sync_size, url), await async_size(url)
