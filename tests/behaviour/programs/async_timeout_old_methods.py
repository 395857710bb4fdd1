# codemods: replace_async_timeout
# level: unsafe
"""The methods of the package's own manager."""

import asyncio

import async_timeout


async def main():
    loop = asyncio.get_running_loop()
    seen = []
    async with async_timeout.timeout(0.01) as manager:
        manager.shift(0.5)
        seen.append(manager.deadline > loop.time() + 0.3)
        await asyncio.sleep(0.02)
    async with async_timeout.timeout(0.01) as manager:
        manager.reject()
        await asyncio.sleep(0.02)
        seen.append(manager.deadline)
    try:
        async with async_timeout.timeout(5) as manager:
            manager.update(loop.time() + 0.01)
            await asyncio.sleep(1)
    except asyncio.TimeoutError:
        seen.append("late")
    return seen
