# codemods: gather_sequential_awaits
# level: none
"""A decorator of this file that nobody may look through."""

import asyncio
import functools

effects = []


def audited(function):
    @functools.wraps(function)
    async def wrapper(*args):
        effects.append(("begin", function.__name__))
        try:
            return await function(*args)
        finally:
            effects.append(("end", function.__name__))

    return wrapper


@audited
async def debit(amount):
    await asyncio.sleep(0.01)
    return -amount


@audited
async def credit(amount):
    await asyncio.sleep(0.005)
    return amount


async def main():
    minus = await debit(5)
    plus = await credit(5)
    return minus + plus
