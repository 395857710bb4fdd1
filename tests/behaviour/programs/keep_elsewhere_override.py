# codemods: gather_sequential_awaits
# level: none
"""A third file overrides a method by one that writes."""

import asyncio

from audit import Audited
from client import Catalogue


async def page(catalogue: Catalogue, key: str) -> tuple:
    title = await catalogue.title(key)
    price = await catalogue.price(key)
    return title, price


async def main():
    return await page(Audited("books"), "dune")
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
# file: audit.py
from client import Catalogue


class Audited(Catalogue):
    seen: list = []

    async def price(self, key: str) -> int:
        self.seen.append(key)
        return await super().price(key)
