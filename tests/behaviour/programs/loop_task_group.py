# codemods: gather_awaits_in_loop
# level: unsafe
# target: py311
# config: [codemods.gather_awaits_in_loop]
# config: emission = "task_group"
"""The calls of a loop as tasks of a group."""

import asyncio


async def double(number: int) -> int:
    await asyncio.sleep(0.01 / (number + 1))
    return 2 * number


async def main():
    numbers = [3, 1, 2]
    doubled = []
    for number in numbers:
        doubled.append(await double(number))
    for number in numbers:
        await double(number)
    total = 0
    for number in numbers:
        total += await double(number)
    return doubled, total, {await double(number) for number in numbers}
