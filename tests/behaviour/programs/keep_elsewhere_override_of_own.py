# codemods: gather_sequential_awaits
# level: none
"""A class of this file, of which another file overrides what a method calls."""

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

    async def page(self) -> tuple:
        title = await self.title("a")
        price = await self.title("b")
        return title, price


async def main():
    from audit import Audited

    audited = Audited()
    return await audited.page(), audited.seen
# file: audit.py
from program import Catalogue


class Audited(Catalogue):
    def note(self, key: str) -> None:
        self.seen.append(key)
