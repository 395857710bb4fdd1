# codemods: replace_gather_with_task_group
# level: none
# expect: same
"""Futures, tasks that run already, objects with `__await__`, and plain functions that return any of them."""

import asyncio


class Row:
    def __await__(self):
        yield from asyncio.sleep(0.001).__await__()
        return "row"


def later(value):
    future = asyncio.get_running_loop().create_future()
    future.set_result(value)
    return future


async def value(number):
    await asyncio.sleep(0)
    return number


async def main():
    running = asyncio.create_task(value(1))
    await asyncio.sleep(0)
    row, future, one = await asyncio.gather(Row(), later("future"), running)
    return row, future, one, await asyncio.gather(*map(value, [1, 2]))
