# codemods: gather_sequential_awaits
# level: none
"""A function of another file that writes to the state of its module."""

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
    seen.append(key)
    return len(seen)


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return len(seen) + key
