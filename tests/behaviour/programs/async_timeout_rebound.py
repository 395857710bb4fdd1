# codemods: replace_async_timeout
# level: optional
"""One name for two managers, one after the other."""

import asyncio

import async_timeout


async def main():
    seen = []
    async with async_timeout.timeout(1) as manager:
        manager.reschedule(None)
        seen.append(manager.when())
    try:
        async with async_timeout.timeout(0.01) as manager:
            await asyncio.sleep(1)
    except asyncio.TimeoutError:
        seen.append(manager.expired())
    return seen
