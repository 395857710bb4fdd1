# codemods: replace_async_timeout
# level: none
"""The name stands for one of two things."""

import asyncio
import sys

if sys.version_info >= (3, 11):
    from asyncio import timeout
else:
    from async_timeout import timeout


async def main():
    async with timeout(1):
        await asyncio.sleep(0.001)
    return "done"
