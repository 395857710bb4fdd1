# codemods: gather_sequential_awaits
# level: safe
"""Callees that count, loop, build objects and raise errors of their own, and share none of it."""

import asyncio
import datetime
import enum
from typing import NamedTuple


class Failed(Exception):
    pass


class NotFound(Failed):
    def __init__(self, number: int):
        super().__init__(f"no {number}")
        self.number = number


class Row:
    def __init__(self, number: int):
        self.number = number


class Pair(NamedTuple):
    left: int
    right: int


class Kind(enum.Enum):
    SMALL = 1
    LARGE = 2


async def read(number: int) -> str:
    await asyncio.sleep(0)
    return f"a: {number}; b: {number * 2}"


async def counted(number: int):
    total = 0
    for index in range(number):
        total += index
    left = number
    while left > 0:
        left -= 1
        await asyncio.sleep(0)
    text = ""
    text += "x" * number
    return total, left, text


async def parsed(number: int):
    raw = await read(number)
    parts = raw.split(";")
    fields = {}
    for position, part in enumerate(parts):
        name, value = part.split(":")
        fields[name.strip()] = int(value), position
    return [key for key, _ in fields.items()], list(fields.values())


async def made(number: int):
    await asyncio.sleep(0)
    if number > 5:
        raise NotFound(number)
    one, two = await asyncio.gather(read(number), read(1))
    rows = [Row(number)]
    rows += [Row(2)]
    return len(one) + len(two), len(rows), Pair(number, 1), datetime.timedelta(seconds=number).total_seconds()


async def kind(number: int):
    await asyncio.sleep(0)
    return Kind.SMALL if number < 3 else Kind.LARGE


async def main():
    first = await counted(3)
    second = await counted(2)
    third = await parsed(3)
    fourth = await parsed(4)
    fifth = await made(1)
    sixth = await made(2)
    small = await kind(1)
    large = await kind(4)
    try:
        one = await made(7)
        two = await made(8)
    except NotFound as error:
        return first, second, third, fourth, fifth, sixth, str(small), str(large), repr(error), error.number
    return one, two
