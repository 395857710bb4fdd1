# codemods: gather_sequential_awaits
# level: unsafe
# expect: differs
"""An object of a class of a third file counts how often it is tested."""

import asyncio

from budget import Budget
from client import fetch


async def main():
    budget = Budget()
    first = await fetch("a", 0.02, budget)
    second = await fetch("b", 0.01, budget)
    return first, second
# file: client.py
import asyncio

from budget import Budget


async def fetch(key: str, delay: float, budget: Budget):
    await asyncio.sleep(delay)
    return key if budget else None
# file: budget.py
class Budget:
    def __init__(self) -> None:
        self.left = 1

    def __len__(self) -> int:
        self.left -= 1
        return max(self.left + 1, 0)
