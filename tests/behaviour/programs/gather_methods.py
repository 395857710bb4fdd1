# codemods: gather_sequential_awaits
# level: any
"""Methods of one object that only read what its constructor has set."""

import asyncio


class Catalogue:
    def __init__(self, prefix: str, delay: float) -> None:
        self.prefix = prefix
        self.delay = delay

    async def title(self, key: str) -> str:
        await asyncio.sleep(self.delay)
        return f"{self.prefix}/{key}"

    async def price(self, key: str) -> int:
        await asyncio.sleep(self.delay)
        return len(self.prefix) + len(key)

    async def page(self, key: str) -> dict:
        title = await self.title(key)
        price = await self.price(key)
        return {"title": title, "price": price}


async def main():
    return await Catalogue("books", 0.01).page("dune")
