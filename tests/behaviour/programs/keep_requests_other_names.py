# codemods: replace_requests_with_httpx
# level: none
"""A dictionary called requests, a parameter called requests."""

import asyncio


class Queue:
    def __init__(self):
        self.requests = {"a": 1}


async def handle(requests: dict, key: str):
    await asyncio.sleep(0)
    return requests.get(key), Queue().requests.get(key)


async def main():
    requests = {"b": 2}
    return await handle(requests, "a"), requests.get("b")
