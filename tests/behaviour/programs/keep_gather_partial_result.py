# codemods: gather_sequential_awaits
# level: none
"""The handler shows how far it came."""

import asyncio


async def step(number):
    await asyncio.sleep(0.005)
    if number == 2:
        raise ValueError(number)
    return number


async def run(first, second):
    a = b = None
    try:
        a = await step(first)
        b = await step(second)
    except ValueError as error:
        return "stopped", a, b, error.args
    return a, b


async def main():
    results = [await run(1, 3)]
    results.append(await run(1, 2))
    results.append(await run(2, 1))
    return results
