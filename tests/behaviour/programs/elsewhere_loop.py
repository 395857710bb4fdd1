# codemods: gather_awaits_in_loop
# level: safe
"""A loop that awaits a function of another file."""

import asyncio

from client import measure


async def main():
    found = []
    for key in [1, 2, 3]:
        found.append(await measure(key))
    return found
# file: client.py
import asyncio


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
