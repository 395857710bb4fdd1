# codemods: gather_sequential_awaits
# level: none
"""The body of a class that a coroutine makes calls what another file defines."""

import asyncio

from client import load


async def main():
    first = await load("a", 0.05)
    second = await load("b", 0.01)
    return first, second
# file: client.py
import asyncio

from names import named


async def load(key: str, delay: float):
    await asyncio.sleep(delay)
    class Row:
        number = named(key)

    return key, Row.number
# file: names.py
NAMES = []


def named(name: str) -> int:
    NAMES.append(name)
    return len(NAMES)
