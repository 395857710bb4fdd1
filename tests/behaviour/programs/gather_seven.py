# codemods: gather_sequential_awaits
# level: safe
"""More calls than one group takes."""

import asyncio


async def digit(value: int) -> str:
    await asyncio.sleep(0.01)
    return str(value)


async def main():
    a = await digit(1)
    b = await digit(2)
    c = await digit(3)
    d = await digit(4)
    e = await digit(5)
    f = await digit(6)
    g = await digit(7)
    h = await digit(8)
    return a + b + c + d + e + f + g + h
