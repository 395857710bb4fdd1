# codemods: gather_sequential_awaits
# level: none
"""The author has said that there is an order."""

import asyncio


async def load_schema(name):
    await asyncio.sleep(0.005)
    return name


async def load_rows(name):
    await asyncio.sleep(0.005)
    return name * 2


async def main():
    schema = await load_schema("users")
    # Must come after the schema: the replica follows behind.
    rows = await load_rows("users")
    return schema, rows
