# codemods: gather_sequential_awaits
# level: none
"""Names that say that they read, and a function that writes."""

import asyncio

from client import fetch_title, load_price


async def main():
    title = await fetch_title("dune")
    price = await load_price("dune")
    return title, price
# file: client.py
import asyncio

cache: dict = {}


async def fetch_title(key: str) -> str:
    await asyncio.sleep(0.01)
    cache[key] = len(cache)
    return key


async def load_price(key: str) -> int:
    await asyncio.sleep(0.005)
    return len(cache)
