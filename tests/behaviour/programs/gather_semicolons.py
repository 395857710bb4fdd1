# codemods: gather_sequential_awaits
# level: any
"""Two statements on one line, and a line that goes on."""

import asyncio


async def half(value: int) -> int:
    await asyncio.sleep(0.005)
    return value // 2


async def main():
    a = await half(8)
    b = await half(
        10)
    c = await half(12); d = await half(14)
    return a, b, \
        c, d
