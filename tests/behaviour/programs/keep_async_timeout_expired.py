# codemods: replace_async_timeout
# level: none
"""`expired` is a property of the package's manager and a method of asyncio's."""

import asyncio

import async_timeout


async def main():
    seen = []
    for limit in (0.01, 1):
        try:
            async with async_timeout.timeout(limit) as manager:
                await asyncio.sleep(0.05)
        except asyncio.TimeoutError:
            pass
        seen.append("expired" if manager.expired else "fine")
    return seen
