# codemods: gather_sequential_awaits
# level: none
"""Module state that a third file writes."""

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
    state.total = state.total + key
    return state.total


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return state.total + key
# file: state.py
total = 0
