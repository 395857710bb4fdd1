# codemods: gather_sequential_awaits
# level: none
"""A decorator of a third file that notes each call."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

from audit import audited


@audited
async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


@audited
async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
# file: audit.py
effects: list = []


def audited(function):
    async def wrapper(key):
        effects.append(key)
        result = await function(key)
        effects.append(len(effects))
        return result + len(effects)

    return wrapper
