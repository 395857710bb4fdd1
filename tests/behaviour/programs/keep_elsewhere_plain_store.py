# codemods: gather_sequential_awaits
# level: none
"""An attribute of an imported module is assigned, and nothing of it is read."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

import state


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    state.last = key
    return key


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key
# file: state.py
last = 0
