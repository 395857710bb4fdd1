# codemods: replace_iscoroutinefunction
# level: safe
# target: py312
"""What is a coroutine function and what is not."""

import asyncio
import functools
from inspect import markcoroutinefunction
from unittest.mock import AsyncMock, Mock


class Callable:
    async def __call__(self):
        return 1

    async def method(self):
        return 2


def generator():
    yield


@markcoroutinefunction
def marked():
    return main()


async def asynchronous_generator():
    yield


async def main():
    kinds = [main, generator, asynchronous_generator, marked, Callable, Callable(), Callable().method]
    kinds += [AsyncMock(), Mock(), functools.partial(main), functools.partial(generator), len, None, main]
    return [asyncio.iscoroutinefunction(kind) for kind in kinds]
