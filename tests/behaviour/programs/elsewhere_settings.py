# codemods: gather_sequential_awaits
# level: safe
"""Attributes of a module of the project, imported in two ways."""

import asyncio

from client import load


async def main():
    first = await load("a", 0.05)
    second = await load("b", 0.01)
    return first, second
# file: client.py
import asyncio

import shop.limits
from shop import settings


async def load(key: str, delay: float):
    await asyncio.sleep(delay)
    return key, settings.timeout, shop.limits.size
# file: shop/__init__.py
# file: shop/settings.py
timeout = 3
# file: shop/limits.py
size = 4
