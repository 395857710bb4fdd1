# codemods: gather_sequential_awaits
# level: safe
"""Functions that lead through three files to a pause."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
from deep import pause


async def measure(key: int) -> int:
    await pause(0.01)
    return key * 2


async def weigh(key: int) -> int:
    await pause(0.005)
    return key * 3
# file: deep.py
from deeper import really_pause


async def pause(time: float) -> None:
    await really_pause(time)
# file: deeper.py
import asyncio


async def really_pause(time: float) -> None:
    await asyncio.sleep(time)
