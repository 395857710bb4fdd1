# codemods: gather_sequential_awaits
# level: safe
"""One handler for everything that ends the function."""

import asyncio


async def replica(name: str) -> str:
    await asyncio.sleep(0.01)
    if name == "down":
        raise ConnectionError(name)
    return name.upper()


async def both(left: str, right: str):
    try:
        one = await replica(left)
        two = await replica(right)
        return one, two
    except Exception:
        return "unavailable"


async def main():
    return [
        await both("a", "b"),
        await both("down", "b"),
        await both("a", "down"),
        await both("down", "down"),
    ]
