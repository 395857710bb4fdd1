# codemods: gather_sequential_awaits
# level: none
"""A function of another file that changes what it is given."""

import asyncio

from client import fill


async def main():
    items: list = []
    first = await fill(items, 1)
    second = await fill(items, 2)
    return first, second, items
# file: client.py
import asyncio


async def fill(items: list, key: int) -> int:
    await asyncio.sleep(0.02 / key)
    items.append(key)
    return len(items)
