# codemods: annotate_async_generator
# level: safe
"""Iterators, iterables and generators; the plain ones stay."""

import asyncio
from collections.abc import Generator, Iterable, Iterator
from contextlib import asynccontextmanager


async def numbers() -> Iterator[int]:
    yield 1


async def echo() -> Generator[int, str, None]:
    got = yield 1
    yield got


def plain(items: Iterable[int]) -> Iterator[int]:
    yield from items


@asynccontextmanager
async def managed() -> Iterator[str]:
    yield "managed"


async def main():
    generator = echo()
    seen = [await generator.__anext__(), await generator.asend("sent")]
    async with managed() as name:
        seen.append(name)
    return seen, [number async for number in numbers()], list(plain([1]))
