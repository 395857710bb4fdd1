# codemods: gather_sequential_awaits
# level: none
"""What an import of everything brings may be anything."""

import asyncio

from client import *
from other import *


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
# file: other.py
import asyncio

seen = []


async def weigh(key: int) -> int:
    seen.append(key)
    await asyncio.sleep(0.01)
    return len(seen)
