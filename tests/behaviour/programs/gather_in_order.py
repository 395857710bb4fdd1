# codemods: gather_sequential_awaits
# level: safe
# config: [codemods.gather_sequential_awaits]
# config: emission = "in_order"
"""Both fail, the second one sooner; the error of the first is what the caller sees."""

import asyncio


async def replica(name: str, delay: float) -> str:
    await asyncio.sleep(delay)
    if name.endswith("broken"):
        raise ConnectionError(name)
    return name


async def both(left: str, right: str) -> list[str]:
    first = await replica(left, 0.02)
    second = await replica(right, 0.005)
    return [first, second]


async def main():
    seen = []
    for left, right in [("a", "b"), ("a broken", "b broken"), ("a", "b broken")]:
        try:
            seen.append(await both(left, right))
        except ConnectionError as error:
            seen.append(str(error))
    return seen
