# codemods: replace_wait_for_with_timeout
# level: unsafe
# target: py312
"""In the header of an `if`."""

import asyncio


async def is_leader(node: int) -> bool:
    await asyncio.sleep(0.001)
    return node % 2 == 0


async def role(node: int) -> str:
    value = "kept"
    if await asyncio.wait_for(is_leader(node), 1):
        return f"leader {value}"
    return f"follower {value}"


async def main():
    return [await role(1), await role(2)]
