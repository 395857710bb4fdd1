# codemods: bound_gather_with_semaphore
# level: unsafe
# config: [codemods.bound_gather_with_semaphore]
# config: limit = 2
"""The same results in the same order, exceptions as results among them."""

import asyncio

seen = []


async def work(number: int) -> int:
    seen.append(number)
    await asyncio.sleep(0.01 / (number + 1))
    if number == 2:
        raise ValueError(number)
    return number * 10


async def main():
    numbers = [4, 1, 3, 0]
    calls = [work(number) for number in numbers]
    named = await asyncio.gather(*calls)
    mixed = await asyncio.gather(*(work(number) for number in [2, *numbers] if number != 4), return_exceptions=True)
    try:
        await asyncio.gather(*[work(number) for number in [2, *numbers]])
    except ValueError as error:
        failed = error.args
    await asyncio.sleep(0.1)
    return named, [repr(one) for one in mixed], failed, sorted(seen)
