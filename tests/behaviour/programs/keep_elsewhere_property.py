# codemods: gather_sequential_awaits
# level: none
"""A third file puts a property that counts in the place of an attribute."""

import asyncio

from audit import Counted
from client import Catalogue


async def page(catalogue: Catalogue) -> tuple:
    title = await catalogue.title("a")
    price = await catalogue.title("b")
    return title, price


async def main():
    return await page(Counted())
# file: client.py
import asyncio


class Catalogue:
    def __init__(self) -> None:
        self.prefix = "x"

    async def title(self, key: str) -> str:
        await asyncio.sleep(0.01)
        return f"{self.prefix}{key}"
# file: audit.py
from client import Catalogue


class Counted(Catalogue):
    count = 0

    def __init__(self) -> None:
        pass

    @property
    def prefix(self) -> str:
        self.count += 1
        return str(self.count)
