# codemods: gather_awaits_in_loop
# level: none
"""Loops that mean one after the other: attempts, pages, a first match, an order of writes, partial results."""

import asyncio

LOG = []


async def attempt(number: int) -> int:
    LOG.append(("attempt", number))
    await asyncio.sleep(0.001)
    if number < 2:
        raise OSError(number)
    return number


async def page(cursor: int) -> int:
    await asyncio.sleep(0.001)
    return cursor + 2


async def read(number: int) -> int:
    await asyncio.sleep(0.001)
    if number == 3:
        raise ValueError(number)
    return number


async def retry():
    for number in range(4):
        try:
            return await attempt(number)
        except OSError:
            await asyncio.sleep(0.001)


async def pages():
    cursor = 0
    for _ in range(3):
        cursor = await page(cursor)
    return cursor


async def first_match():
    for number in [1, 2, 3]:
        if await read(number) == 2:
            return number


async def writes():
    for number in [1, 2, 0]:
        try:
            await attempt(number)
        except OSError as error:
            LOG.append(error.args)
    for number in [3, 2]:
        await attempt(number)


async def until_failure():
    found = []
    try:
        for number in [1, 2, 3, 4]:
            found.append(await read(number))
    except ValueError:
        pass
    return found


async def main():
    return await retry(), await pages(), await first_match(), await writes(), await until_failure(), LOG
