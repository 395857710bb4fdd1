# codemods: replace_async_timeout
# level: safe
"""The manager is moved while it runs, and asked afterwards."""

import asyncio

import async_timeout


async def main():
    loop = asyncio.get_running_loop()
    seen = []
    async with async_timeout.timeout(0.01) as manager:
        manager.reschedule(loop.time() + 0.5)
        await asyncio.sleep(0.03)
    seen.append(manager.expired())
    try:
        async with async_timeout.timeout(None) as manager:
            seen.append(manager.when())
            manager.reschedule(loop.time() + 0.01)
            await asyncio.sleep(1)
    except TimeoutError:
        seen.append(manager.expired())
    return seen
