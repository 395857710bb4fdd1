# codemods: gather_sequential_awaits
# level: unsafe
# expect: differs
"""A module that makes its attributes."""

import asyncio

from client import load


async def main():
    first = await load("a", 0.05)
    second = await load("b", 0.01)
    return first, second
# file: client.py
import asyncio

import state


async def load(key: str, delay: float):
    await asyncio.sleep(delay)
    return key, state.number
# file: state.py
count = 0


def __getattr__(name):
    global count
    if name != "number":
        raise AttributeError(name)
    count += 1
    return count
