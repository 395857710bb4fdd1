# codemods: gather_sequential_awaits
# level: any
"""Methods that a class inherits from one of another file."""

import asyncio

from client import Catalogue


class Books(Catalogue):
    async def page(self, key: str) -> tuple:
        title = await self.title(key)
        price = await self.price(key)
        return title, price


async def main():
    return await Books("books").page("dune")
# file: client.py
import asyncio


class Catalogue:
    def __init__(self, prefix: str) -> None:
        self.prefix = prefix

    async def title(self, key: str) -> str:
        await asyncio.sleep(0.01)
        return f"{self.prefix}/{key}"

    async def price(self, key: str) -> int:
        await asyncio.sleep(0.005)
        return len(self.prefix) + len(key)
