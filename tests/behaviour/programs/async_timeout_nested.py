# codemods: replace_async_timeout
# level: safe
"""The outer limit strikes inside the inner block, and a cancellation is no timeout."""

import asyncio

import async_timeout


async def main():
    seen = []
    try:
        async with async_timeout.timeout(0.02):
            try:
                async with async_timeout.timeout(1):
                    await asyncio.sleep(2)
            except asyncio.TimeoutError:
                seen.append("inner")
    except asyncio.TimeoutError:
        seen.append("outer")

    async def limited():
        async with async_timeout.timeout(1):
            await asyncio.sleep(2)

    task = asyncio.create_task(limited())
    await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.wait([task])
    seen.append(task.cancelled())
    return seen
