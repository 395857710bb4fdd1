# codemods: replace_gather_with_task_group
# level: none
"""A child that is cancelled ends a gather; a TaskGroup would go on without it."""

import asyncio


async def give_up():
    await asyncio.sleep(0.001)
    raise asyncio.CancelledError


async def stop(task):
    await asyncio.sleep(0.001)
    task.cancel()


async def value(number):
    await asyncio.sleep(0.01)
    return number


async def gathered(other):
    try:
        return await asyncio.gather(value(1), other)
    except asyncio.CancelledError:
        return "cancelled"


async def cancelled():
    try:
        await asyncio.gather(value(1), give_up())
    except asyncio.CancelledError:
        return "cancelled"


async def by_another():
    task = asyncio.create_task(value(1))
    try:
        await asyncio.gather(value(2), stop(task))
        await task
    except asyncio.CancelledError:
        return "cancelled"


async def main():
    return await cancelled(), await by_another(), await gathered(give_up())
