# codemods: gather_sequential_awaits
# level: safe
"""Names that say that they read, and functions that do."""

import asyncio

from client import fetch_title, load_price


async def main():
    title = await fetch_title("dune")
    price = await load_price("dune")
    return title, price
# file: client.py
import asyncio
from dataclasses import dataclass


@dataclass
class Book:
    title: str
    price: int


class NotFound(Exception):
    pass


def find(key: str) -> Book:
    if key != "dune":
        raise NotFound(key)
    return Book(title=key, price=3)


async def fetch_title(key: str) -> str:
    await asyncio.sleep(0.01)
    book = find(key)
    return key


async def load_price(key: str) -> int:
    await asyncio.sleep(0.005)
    find(key)
    return 3
