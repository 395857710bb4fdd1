# codemods: replace_async_timeout
# level: safe
"""Imported by name, with a limit of None, and two managers at once."""

import asyncio
import contextlib

from async_timeout import timeout


async def main():
    seen = []
    async with timeout(None):
        await asyncio.sleep(0.001)
        seen.append("no limit")
    async with contextlib.AsyncExitStack() as stack, timeout(0.5):
        stack.callback(seen.append, "closed")
    try:
        async with timeout(0.01):
            await asyncio.sleep(1)
    except TimeoutError:
        seen.append("late")
    return seen
