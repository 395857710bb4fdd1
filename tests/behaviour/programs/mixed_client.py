# codemods: replace_requests_with_httpx, replace_time_sleep, gather_sequential_awaits, replace_asyncio_timeout_error
# level: any
# target: py312
# requests: unordered
"""Requests, pauses and time limits in one class."""

import asyncio
import time

import requests


class Feed:
    def __init__(self, base: str) -> None:
        self.base = base

    async def entry(self, number: int) -> int:
        response = requests.get(f"{self.base}/bytes/{number}", timeout=5)
        return len(response.content)

    async def pair(self, left: int, right: int) -> tuple[int, int]:
        first = await self.entry(left)
        second = await self.entry(right)
        return first, second

    async def latest(self) -> int:
        try:
            time.sleep(0.005)
            return await asyncio.wait_for(self.entry(7), 2)
        except asyncio.TimeoutError:
            return -1


async def main(base):
    feed = Feed(base)
    return await feed.pair(3, 4), await feed.latest()
