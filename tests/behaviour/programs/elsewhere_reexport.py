# codemods: gather_sequential_awaits
# level: safe
"""A package that hands on what its modules define, under another name."""

import asyncio

import shop
from shop import measure as get_size


async def main():
    long = await get_size(3)
    heavy = await shop.get_weight(4)
    return long, heavy
# file: shop/__init__.py
from .client import measure
from .client import weight as get_weight
# file: shop/client.py
import asyncio


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


async def weight(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
