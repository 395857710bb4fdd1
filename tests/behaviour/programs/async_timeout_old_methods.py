# codemods: replace_async_timeout
# level: unsafe
"""The methods of the package's own manager."""

import asyncio

import async_timeout


async def shifted():
    loop = asyncio.get_running_loop()
    async with async_timeout.timeout(0.01) as manager:
        manager.shift(0.5)
        await asyncio.sleep(0.02)
        return manager.deadline > loop.time() + 0.3


async def rejected():
    async with async_timeout.timeout(0.01) as manager:
        manager.reject()
        await asyncio.sleep(0.02)
        return manager.deadline


async def updated():
    loop = asyncio.get_running_loop()
    try:
        async with async_timeout.timeout(5) as manager:
            manager.update(loop.time() + 0.01)
            await asyncio.sleep(1)
    except asyncio.TimeoutError:
        return "late"


async def main():
    return [await shifted(), await rejected(), await updated()]
