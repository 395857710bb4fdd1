# codemods: gather_sequential_awaits
# level: safe
"""Two modules that import each other, and functions that call each other over the border."""

import asyncio

from even import find_even
from odd import find_odd


async def main():
    first = await find_even(4)
    second = await find_odd(4)
    return first, second
# file: even.py
import asyncio

import odd


async def find_even(number: int) -> bool:
    await asyncio.sleep(0.001)
    return number == 0 or await odd.find_odd(number - 1)
# file: odd.py
import asyncio

import even


async def find_odd(number: int) -> bool:
    await asyncio.sleep(0.001)
    return number != 0 and await even.find_even(number - 1)
