# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""What the arguments take is not a part of the limit."""

import asyncio


async def token() -> str:
    await asyncio.sleep(0.06)
    return "t"


async def use(key: str) -> str:
    await asyncio.sleep(0.06)
    return f"used {key}"


def limit() -> float:
    return 0.1


async def main():
    first = await asyncio.wait_for(use(await token()), 0.1)
    second = await asyncio.wait_for(use("s"), limit())
    return first, second
