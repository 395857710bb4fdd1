# codemods: gather_sequential_awaits
# level: safe
"""An error of one call arrives as it is."""

import asyncio


class Missing(LookupError):
    pass


async def find(key: str, delay: float) -> str:
    await asyncio.sleep(delay)
    if key.startswith("no"):
        raise Missing(key, len(key))
    return key


async def pair(left: str, right: str) -> str:
    first = await find(left, 0.01)
    second = await find(right, 0.01)
    return first + second


async def main():
    seen = []
    for left, right in [("a", "b"), ("no-a", "b"), ("a", "no-b")]:
        try:
            seen.append(await pair(left, right))
        except LookupError as error:
            seen.append((type(error).__name__, error.args, error.__cause__))
    return seen
