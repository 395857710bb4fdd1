# codemods: gather_sequential_awaits
# level: none
"""Functions of another file that never wait."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
async def measure(key: int) -> int:
    return key * 2


async def weigh(key: int) -> int:
    return key * 3
