# codemods: gather_sequential_awaits, gather_awaits_in_loop
# level: none
"""What looks like a value of the callee's own and is everybody's."""

import asyncio

ROWS = [[0]]
CACHE = {"a": [0]}
SEEN = []
NUMBERS = iter(range(100))


def rows() -> list[list[int]]:
    return ROWS


async def rows_later() -> list[list[int]]:
    await asyncio.sleep(0)
    return ROWS


class Failed(Exception):
    def __init__(self, number: int):
        super().__init__(number)
        SEEN.append(number)


class Node:
    def __init__(self, number: int, before=None):
        self.number = number
        if before:
            before.next = number


ROOT = Node(0)


async def renamed(number: int):
    found = SEEN
    await asyncio.sleep(0.003 / number)
    found += [number]
    return len(SEEN)


async def looped(number: int):
    for index, row in enumerate(ROWS):
        last = row[-1]
        await asyncio.sleep(0.001)
        row.append(last + number + index)
    for _, values in CACHE.items():
        last = values[-1]
        await asyncio.sleep(0.001)
        values.append(last + number)
    return number


async def copied(number: int):
    same = [row for row in ROWS]
    last = same[0][-1]
    await asyncio.sleep(0.001)
    same[0].append(last + number)
    return number


async def given(number: int):
    found = rows() + await rows_later()
    last = found[0][-1]
    await asyncio.sleep(0.001)
    found[0].append(last + number)
    return number


async def failing(number: int):
    await asyncio.sleep(0.003 / number)
    try:
        raise Failed(number)
    except Failed:
        return number


async def linked(number: int):
    await asyncio.sleep(0.003 / number)
    Node(number, ROOT)
    return number


async def drawn(number: int):
    await asyncio.sleep(0.003 / number)
    for _, drawn in enumerate(NUMBERS):
        return drawn


async def main():
    a = await renamed(1)
    b = await renamed(2)
    c = await looped(1)
    d = await looped(2)
    e = await copied(1)
    f = await copied(2)
    g = await given(1)
    h = await given(2)
    i = await failing(1)
    j = await failing(2)
    k = await linked(1)
    m = await linked(2)
    n = await drawn(1)
    o = await drawn(2)
    return a, b, c, d, e, f, g, h, i, j, k, m, n, o, ROWS, CACHE, SEEN, ROOT.next
