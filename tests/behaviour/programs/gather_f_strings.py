# codemods: gather_sequential_awaits
# level: any
"""Arguments that are f-strings and displays of plain values."""

import asyncio


async def lookup(key: str, tags: tuple = ()) -> list:
    await asyncio.sleep(0.01)
    return [key, *tags]


async def main():
    return await profile("ada", 36)


async def profile(name: str, age: int) -> list:
    by_name = await lookup(f"name:{name}", ("exact",))
    by_age = await lookup(f"age:{age}", (name, age))
    return by_name + by_age
