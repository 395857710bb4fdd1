# codemods: gather_sequential_awaits
# level: none
"""A name that is defined in two ways."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio
import sys

seen = []

if sys.version_info >= (3, 8):

    async def measure(key: int) -> int:
        await asyncio.sleep(0.01)
        seen.append(key)
        return len(seen)

else:

    async def measure(key: int) -> int:
        await asyncio.sleep(0.01)
        return key


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
