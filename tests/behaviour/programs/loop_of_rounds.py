# codemods: gather_awaits_in_loop
# level: safe
# target: py312
"""Results with a name, conditions, coroutines that were made before and calls with a time limit: the same lists in the same order."""

import asyncio


async def fetch(number: int) -> int:
    await asyncio.sleep(0.01 / (number + 1))
    return number * 10


async def main():
    numbers = [3, 1, 2]
    named = []
    for number in numbers:
        value = await fetch(number)
        named.append(value)
    some = []
    for number in numbers:
        if number > 1:
            some.append(await fetch(number))
    coroutines = [fetch(number) for number in numbers]
    made = []
    for coroutine in coroutines:
        made.append(await coroutine)
    others = []
    for number in numbers:
        others.append(fetch(number))
    late = [await other for other in others]
    limited = []
    for number in numbers:
        limited.append(await asyncio.wait_for(fetch(number), timeout=5))
    return named, some, made, late, limited
