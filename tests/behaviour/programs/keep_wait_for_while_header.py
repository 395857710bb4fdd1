# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""Evaluated again in every turn."""

import asyncio


async def main():
    queue = asyncio.Queue()
    for number in (3, 2, 1, 0):
        queue.put_nowait(number)
    seen = []
    while await asyncio.wait_for(queue.get(), 1):
        seen.append(queue.qsize())
    return seen
