# codemods: replace_async_timeout
# level: safe
"""An instant instead of a duration."""

import asyncio

import async_timeout as at


async def main():
    loop = asyncio.get_running_loop()
    seen = []
    try:
        async with at.timeout_at(loop.time() + 0.01):
            await asyncio.sleep(1)
    except asyncio.TimeoutError:
        seen.append("late")
    async with at.timeout_at(loop.time() + 1):
        seen.append("in time")
    return seen
