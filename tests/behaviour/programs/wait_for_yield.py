# codemods: replace_wait_for_with_timeout
# level: unsafe
# target: py312
"""In an asynchronous generator: the consumer's time does not count."""

import asyncio


async def items(queue):
    for _ in range(2):
        yield await asyncio.wait_for(queue.get(), 0.05)


async def main():
    queue = asyncio.Queue()
    queue.put_nowait("a")
    queue.put_nowait("b")
    seen = []
    async for item in items(queue):
        await asyncio.sleep(0.1)
        seen.append(item)
    return seen
