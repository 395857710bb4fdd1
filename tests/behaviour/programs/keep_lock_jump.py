# codemods: use_lock_as_context_manager
# level: none
"""A lock that is kept on purpose when the function returns early."""

import asyncio


async def take(lock: asyncio.Lock, items: list) -> object:
    await lock.acquire()
    await asyncio.sleep(0)
    if not items:
        return None
    item = items.pop()
    lock.release()
    return item


async def main():
    lock = asyncio.Lock()
    first = await take(lock, [1])
    second = await take(lock, [])
    return first, second, lock.locked()
