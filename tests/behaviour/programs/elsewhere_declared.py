# codemods: gather_sequential_awaits
# level: safe
# config: [[receivers]]
# config: name = "db"
# config: shareable = true
# config: reads = ["rows"]
"""A receiver that the configuration declares, used in another file."""

import asyncio

from store import compute_page, compute_total


async def main():
    page = await compute_page(3)
    total = await compute_total(4)
    return page, total
# file: store.py
import asyncio


class Database:
    async def rows(self, key: int) -> list:
        await asyncio.sleep(0.01)
        return [key]


db = Database()


async def compute_page(key: int) -> list:
    return await db.rows(key)


async def compute_total(key: int) -> list:
    return await db.rows(key + 1)
