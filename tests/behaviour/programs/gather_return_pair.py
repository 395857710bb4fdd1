# codemods: gather_sequential_awaits
# level: safe
"""A returned tuple stays a tuple."""

import asyncio


async def width(name: str) -> int:
    await asyncio.sleep(0.01)
    return len(name)


async def height(name: str) -> int:
    await asyncio.sleep(0.01)
    return 2 * len(name)


async def size(name: str) -> tuple[int, int]:
    return await width(name), await height(name)


async def main():
    found = await size("box")
    return found, type(found).__name__
