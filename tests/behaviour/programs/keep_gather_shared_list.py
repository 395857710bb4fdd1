# codemods: gather_sequential_awaits
# level: none
"""One list goes to a function that fills it and to one that measures it."""

import asyncio


async def fill(rows, count):
    for number in range(count):
        await asyncio.sleep(0.001)
        rows.append(number)


async def total(rows):
    await asyncio.sleep(0.001)
    return sum(rows)


async def main():
    rows = []
    same = rows
    filled = await fill(rows, 4)
    amount = await total(same)
    return filled, amount
