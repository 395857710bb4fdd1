# codemods: gather_sequential_awaits
# level: optional
"""Two statements on one line, and lines that go on."""

import asyncio


async def half(value: int) -> int:
    await asyncio.sleep(0.005)
    return value // 2


async def main():
    a = await half(8)
    b = await half(
        10)
    c = await half(12); d = await half(14)
    e = await \
        half(16)
    return a, b, \
        c, d, e
