# codemods: gather_sequential_awaits
# level: none
"""A test puts something else in the place of a function."""

import asyncio

from client import measure, weigh


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
# file: tests/test_client.py
import client


def test_client(monkeypatch):
    monkeypatch.setattr(client, "measure", print)
