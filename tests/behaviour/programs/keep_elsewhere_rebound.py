# codemods: gather_sequential_awaits
# level: none
"""A function that is another one after the import."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

seen = []


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key


async def noting(key: int) -> int:
    seen.append(key)
    await asyncio.sleep(0.01)
    return len(seen)


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3


measure = noting
