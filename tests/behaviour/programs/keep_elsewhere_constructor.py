# codemods: gather_sequential_awaits
# level: none
"""A class of a third file that counts its instances."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

from money import Money


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    Money(key)
    return key


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    Money(key)
    return key
# file: money.py
class Money:
    made: list = []

    def __init__(self, amount: int) -> None:
        self.made.append(amount)
