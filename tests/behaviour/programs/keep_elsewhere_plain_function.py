# codemods: gather_sequential_awaits
# level: none
"""A plain function of another file that works as soon as it is called."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

seen = []


async def pause(key: int) -> int:
    await asyncio.sleep(0.01 * key)
    return key


def measure(key: int):
    seen.append(key)
    return pause(key)


def weigh(key: int):
    seen.append(-key)
    return pause(len(seen))
