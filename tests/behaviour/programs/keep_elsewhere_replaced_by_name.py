# codemods: gather_sequential_awaits
# level: none
"""A function is replaced through its name in a string."""

import asyncio

import client
import patches


async def main():
    patches.install()
    long = await client.measure(3)
    heavy = await client.measure(4)
    return long, heavy, patches.seen
# file: client.py
import asyncio


async def measure(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
# file: patches.py
import asyncio

import client

seen: list = []


async def fake(key: int) -> int:
    seen.append(key)
    await asyncio.sleep(0.02 / key)
    seen.append(-key)
    return len(seen)


def install() -> None:
    setattr(client, "measure", fake)
