# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""Waiting for a lock that somebody else holds."""

import asyncio


async def main():
    lock = asyncio.Lock()
    seen = []

    async def holder():
        async with lock:
            await asyncio.sleep(0.03)

    task = asyncio.create_task(holder())
    await asyncio.sleep(0)
    try:
        await asyncio.wait_for(lock.acquire(), 0.01)
    except asyncio.TimeoutError:
        seen.append("busy")
    await asyncio.wait_for(lock.acquire(), 1)
    seen.append(lock.locked())
    lock.release()
    await task
    return seen, lock.locked()
