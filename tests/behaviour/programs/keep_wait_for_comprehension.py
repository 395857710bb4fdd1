# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""The limit holds for each call, not for all of them."""

import asyncio


async def load(key: str) -> str:
    await asyncio.sleep(0.03)
    return key


async def main():
    return [await asyncio.wait_for(load(key), 0.08) for key in "abcd"]
