# codemods: gather_sequential_awaits
# level: none
"""A third file overrides what a method calls."""

import asyncio

from audit import Audited
from client import Catalogue


async def page(catalogue: Catalogue) -> tuple:
    title = await catalogue.title("a")
    price = await catalogue.title("b")
    return title, price


async def main():
    audited = Audited()
    return await page(audited), audited.seen
# file: client.py
import asyncio


class Catalogue:
    def __init__(self) -> None:
        self.seen: list = []

    def note(self, key: str) -> None:
        pass

    async def title(self, key: str) -> str:
        await asyncio.sleep(0.01)
        self.note(key)
        return key
# file: audit.py
import client


class Audited(client.Catalogue):
    def note(self, key: str) -> None:
        self.seen.append(key)
