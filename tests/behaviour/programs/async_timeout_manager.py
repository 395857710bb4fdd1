# codemods: replace_async_timeout
# level: safe
"""The manager is moved while it runs, and asked afterwards."""

import asyncio

import async_timeout


async def moved():
    loop = asyncio.get_running_loop()
    async with async_timeout.timeout(0.01) as manager:
        manager.reschedule(loop.time() + 0.5)
        await asyncio.sleep(0.03)
    return manager.expired()


async def limited_later():
    loop = asyncio.get_running_loop()
    try:
        async with async_timeout.timeout(None) as limit:
            unlimited = limit.when()
            limit.reschedule(loop.time() + 0.01)
            await asyncio.sleep(1)
    except TimeoutError:
        return unlimited, limit.expired()


async def main():
    return await moved(), await limited_later()
