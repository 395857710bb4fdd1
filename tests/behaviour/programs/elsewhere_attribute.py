# codemods: gather_sequential_awaits
# level: any
"""Methods through an attribute of `self` whose class another file defines."""

import asyncio

from client import Catalogue


class Shop:
    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue

    async def page(self, key: str) -> tuple:
        title = await self.catalogue.title(key)
        price = await self.catalogue.price(key)
        return title, price


async def main():
    return await Shop(Catalogue("books")).page("dune")
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
