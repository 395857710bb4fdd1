# codemods: gather_sequential_awaits
# level: none
"""What was reached before the error stays."""

import asyncio
import contextlib


async def parse(text):
    await asyncio.sleep(0.005)
    return int(text)


async def main():
    width = height = 0
    with contextlib.suppress(ValueError):
        width = await parse("80")
        height = await parse("many")
    return width, height
