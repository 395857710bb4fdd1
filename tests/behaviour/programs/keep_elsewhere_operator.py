# codemods: gather_sequential_awaits
# level: unsafe
"""An operator of a class of a third file that counts."""

import asyncio

from client import fetch_sum
from money import Money


async def main():
    one, two = Money(1), Money(2)
    first = await fetch_sum(one, two)
    second = await fetch_sum(two, one)
    return first, second, Money.additions
# file: client.py
import asyncio


async def fetch_sum(left, right):
    await asyncio.sleep(0.01)
    return left + right
# file: money.py
class Money:
    additions = 0

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __add__(self, other):
        Money.additions += 1
        return self.amount + other.amount
