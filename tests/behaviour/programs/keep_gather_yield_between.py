# codemods: gather_sequential_awaits
# level: none
"""Between the two awaits the consumer does something."""

import asyncio

effects = []


async def fetch(number):
    effects.append(("fetch", number))
    await asyncio.sleep(0.005)
    return number


async def numbers():
    one = await fetch(1)
    yield one
    two = await fetch(2)
    yield two


async def main():
    async for number in numbers():
        effects.append(("used", number))
    return list(effects)
