# codemods: use_lock_as_context_manager
# level: none
"""A generator that holds the lock while its consumer works."""

import asyncio


async def rows(lock: asyncio.Lock):
    await lock.acquire()
    try:
        for row in range(3):
            yield row
    finally:
        lock.release()


async def main():
    lock = asyncio.Lock()
    generator = rows(lock)
    seen = [await anext(generator), lock.locked()]
    await generator.aclose()
    return seen, lock.locked()
