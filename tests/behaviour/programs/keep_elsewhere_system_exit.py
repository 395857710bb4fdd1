# codemods: gather_sequential_awaits
# level: none
"""An exception that ends the program comes out of the event loop when a task raises it."""

import asyncio

from client import load


async def both():
    first = await load("a")
    second = await load("b")
    return first, second


async def main():
    try:
        return await both()
    except SystemExit:
        return "stopped"
# file: client.py
import asyncio


async def load(key: str) -> str:
    await asyncio.sleep(0.01)
    if key == "b":
        raise SystemExit
    return key
