# codemods: keep_task_group_results
# level: none
"""Lists that tasks fill, or that are empty on purpose."""

import asyncio


async def square(number, into=None):
    await asyncio.sleep(0)
    if into is not None:
        into.append(number * number)
    return number


async def main():
    passed, closed, later = [], [], []
    own = []

    async def add(number):
        own.append(await square(number))

    empty = []
    async with asyncio.TaskGroup() as tg:
        for number in range(3):
            tg.create_task(square(number, passed))
            tg.create_task(add(number))
    empty.append(1)
    later.extend(passed)
    return passed, closed, later, own, empty
