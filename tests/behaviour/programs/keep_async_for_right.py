# codemods: use_async_for
# level: none
"""Loops that are right: plain iterables of the same names, decorated generators, both protocols."""

import asyncio
import functools


def collected(function):
    @functools.wraps(function)
    def wrapper(*args):
        return [1, 2]

    return wrapper


@collected
async def rows():
    yield 3


class Both:
    def __iter__(self):
        return iter([4])

    def __aiter__(self):
        return self

    async def __anext__(self):
        raise StopAsyncIteration


class Base:
    async def items(self):
        yield 5


class Plain(Base):
    def items(self):
        return [6]


async def numbers():
    yield 7


async def shadowed(numbers):
    return [number for number in numbers()]


async def listed():
    return [8]


async def main():
    plain: Base = Plain()
    seen = [row for row in rows()] + list(Both())
    for item in plain.items():
        seen.append(item)
    seen += await shadowed(lambda: [9])
    for item in await listed():
        seen.append(item)
    async for number in numbers():
        seen.append(number)
    return seen
