# codemods: gather_sequential_awaits
# level: any
"""Methods of a class of another file, through a parameter with an annotation."""

import asyncio

from client import Catalogue


async def page(catalogue: Catalogue, key: str) -> tuple:
    title = await catalogue.title(key)
    price = await catalogue.price(key)
    return title, price


async def main():
    return await page(Catalogue("books"), "dune")
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
