# codemods: use_except_star
# level: none
"""Handlers that get what they are there for."""

import asyncio


async def fail(error):
    await asyncio.sleep(0.001)
    raise error


async def limited():
    try:
        async with asyncio.timeout(0.01), asyncio.TaskGroup() as tg:
            tg.create_task(asyncio.sleep(1))
    except TimeoutError:
        return "late"


async def everything():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(fail(ValueError(1)))
    except Exception as error:
        return type(error).__name__


async def before(text):
    try:
        number = int(text)
        async with asyncio.TaskGroup() as tg:
            tg.create_task(asyncio.sleep(number))
    except ValueError:
        return "no number"


async def groups():
    try:
        async with asyncio.TaskGroup() as tg:
            tg.create_task(fail(OSError(1)))
            tg.create_task(fail(ValueError(1)))
    except ExceptionGroup as group:
        return len(group.exceptions)


async def main():
    return await limited(), await everything(), await before("x"), await groups()
