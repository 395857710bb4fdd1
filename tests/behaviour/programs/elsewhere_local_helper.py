# codemods: gather_sequential_awaits
# level: safe
"""A function of this file that leads to one of another."""

import asyncio

from client import measure


async def both(key: int) -> int:
    return await measure(key)


async def main():
    low = await both(1)
    high = await both(2)
    return low, high
# file: client.py
import asyncio


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
