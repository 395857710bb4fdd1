# codemods: gather_sequential_awaits
# level: optional
"""Keywords, which change nothing about what a known function does."""

import asyncio


async def area(*, width: int, height: int = 1) -> int:
    await asyncio.sleep(0.01)
    return width * height


async def main():
    small = await area(width=2)
    large = await area(width=20, height=30)
    return small, large
