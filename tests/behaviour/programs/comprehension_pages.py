# codemods: use_async_comprehension
# level: safe
"""One loop, two loops, conditions, unpacking, an await in the element; failures pass through."""

import asyncio

effects = []


async def pages(count, fail_at=None):
    for number in range(count):
        await asyncio.sleep(0)
        effects.append(number)
        if number == fail_at:
            raise ConnectionError(number)
        yield number, [number * 10, number * 10 + 1]


async def double(number):
    await asyncio.sleep(0)
    effects.append(("double", number))
    return number * 2


async def collect(count, fail_at=None):
    numbers = []
    async for number, _ in pages(count, fail_at):
        numbers.append(number)
    items: list = list()
    async for number, page in pages(count):
        if number:
            for item in page:
                if item % 2 if item else True:
                    items.append(await double(item))
    return numbers, items


async def lambdas():
    made = []
    async for number, page in pages(2):
        made.append((lambda: page)())
    return made


async def main():
    seen = [await collect(3)]
    try:
        await collect(3, fail_at=1)
    except ConnectionError as error:
        seen.append(error.args)
    seen.append(await lambdas())
    return seen
