# codemods: gather_sequential_awaits
# level: none
"""What is made once is kept in the module."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

pool = None


async def connect() -> list:
    global pool
    if pool is None:
        await asyncio.sleep(0.01)
        pool = [1]
    return pool


async def measure(key: int) -> int:
    made = await connect()
    return len(made) * key


async def weigh(key: int) -> int:
    made = await connect()
    return len(made) + key
