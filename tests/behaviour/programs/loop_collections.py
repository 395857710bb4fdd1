# codemods: gather_awaits_in_loop
# level: safe
"""Lists, sets, dictionaries, filters and totals of awaited calls."""

import asyncio


async def square(number: int, delay: float = 0.01) -> int:
    await asyncio.sleep(delay / (number + 1))
    return number * number


async def is_even(number: int) -> bool:
    await asyncio.sleep(0.01 / (number + 1))
    return number % 2 == 0


async def collect(numbers: list[int]) -> list:
    filled = []
    for number in numbers:
        filled.append(await square(number))
    different: set[int] = set()
    for number in numbers:
        different.add(await square(number))
    table = {}
    for number in numbers:
        table[number] = await square(number)
    total = 0.5
    for number in numbers:
        total += await square(number)
    for number in numbers:
        await square(number)
    return [
        filled,
        sorted(different),
        table,
        total,
        [await square(number) for number in numbers],
        [await square(number) for number in numbers if number > 1],
        sorted({await square(number) for number in numbers}),
        {number: await square(number) for number in numbers},
        [number for number in numbers if await is_even(number)],
        [number for number in numbers if not await is_even(number)],
        [await square(number) for number in numbers][-1] if numbers else None,
    ]


async def main():
    return [await collect(numbers) for numbers in ([3, 1, 2, 1, 4], [], [5])]
