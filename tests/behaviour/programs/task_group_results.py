# codemods: keep_task_group_results
# level: unsafe
# expect: differs
"""A list that stays empty, and holds the results afterwards."""

import asyncio


async def square(number):
    await asyncio.sleep(0.01 / (number + 1))
    return number * number


async def main():
    results = []

    async with asyncio.TaskGroup() as tg:
        for number in range(4):
            tg.create_task(square(number))

    return results
