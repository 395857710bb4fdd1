# codemods: replace_gather_with_task_group
# level: none
"""Handlers that return, look at the error, or stand around a call of the function."""

import asyncio
import contextlib


async def load(key):
    await asyncio.sleep(0.001)
    raise ValueError(key, 2 * key)


async def returning():
    try:
        return await asyncio.gather(load(1), load(2))
    except ValueError as error:
        return error.args


async def continuing():
    seen = []
    for number in range(3):
        try:
            await asyncio.gather(load(number))
        except ValueError:
            seen.append(number)
            continue
        seen.append("loaded")
    return seen


async def bare():
    await asyncio.gather(load(1), load(2))


async def around():
    with contextlib.suppress(ValueError):
        await asyncio.gather(load(1), load(2))
    try:
        await bare()
    except ValueError:
        return "caught"


async def kept():
    return await asyncio.gather(load(1), load(2), return_exceptions=True)


async def main():
    results = [str(result) for result in await kept()]
    return await returning(), await continuing(), await around(), results
