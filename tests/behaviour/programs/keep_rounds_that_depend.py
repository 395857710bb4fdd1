# codemods: gather_awaits_in_loop
# level: none
"""Rounds that leave something for the next one: cursors, things that others see, work that must be done before the next call."""

import asyncio

state = {"last": 0}


class Reader:
    def __init__(self):
        self.seen = []

    async def get_next(self, number: int) -> int:
        await asyncio.sleep(0.001)
        return number + len(self.seen)

    async def all(self, numbers: list[int]) -> list:
        for number in numbers:
            value = await self.get_next(number)
            self.seen.append(value)
        return self.seen


async def fetch(number: int) -> int:
    await asyncio.sleep(0.001)
    return number + state["last"]


def keep(value):
    state["last"] = value


async def main():
    cursor = 1
    values = []
    for number in [1, 2, 3]:
        value = await fetch(cursor)
        cursor = value + number
        values.append(value)
    for number in [1, 2, 3]:
        value = await fetch(number)
        keep(value)
    seen = set()
    for number in [1, 1, 2]:
        if number not in seen:
            value = await fetch(number)
            seen.add(value)
    return values, cursor, state, sorted(seen), await Reader().all([1, 2, 3])
