# codemods: gather_sequential_awaits
# level: safe
"""Nothing here is called asyncio, until the rewrite needs it."""

from asyncio import sleep


async def count(letters: str) -> int:
    await sleep(0.01)
    return len(letters)


async def main():
    left = await count("abc")
    right = await count("defg")
    return left, right
