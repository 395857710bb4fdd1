# codemods: gather_sequential_awaits
# level: none
"""A function is replaced by a name that is put together."""

import asyncio

import client
import patches


async def main():
    patches.install()
    long = await client.measure_one(3)
    heavy = await client.measure_one(4)
    return long, heavy, patches.seen
# file: client.py
import asyncio


async def measure_one(key: int) -> int:
    await asyncio.sleep(0.01)
    return key * 2
# file: patches.py
import asyncio

import client

seen: list = []


def traced(function):
    async def inner(key: int) -> int:
        await asyncio.sleep(0.02 / key)
        seen.append(key)
        return await function(key)

    return inner


def install() -> None:
    for what in ("one",):
        setattr(client, f"measure_{what}", traced(getattr(client, f"measure_{what}")))
