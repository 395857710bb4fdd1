# codemods: gather_sequential_awaits
# level: unsafe
# expect: differs
"""A truth test of an imported object uses it up."""

import asyncio

from client import load


async def main():
    first = await load("a", 0.05)
    second = await load("b", 0.01)
    return first, second
# file: client.py
import asyncio

from budget import budget


async def load(key: str, delay: float):
    await asyncio.sleep(delay)
    return key if budget else None
# file: budget.py
class Budget:
    left = 1

    def __bool__(self) -> bool:
        self.left -= 1
        return self.left >= 0


budget = Budget()
