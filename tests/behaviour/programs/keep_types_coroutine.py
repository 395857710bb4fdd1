# codemods: replace_coroutine_decorator
# level: none
"""`types.coroutine` is another decorator, and a generator of values is no coroutine."""

import asyncio
import types


@types.coroutine
def turn():
    yield


def numbers():
    yield from range(3)


async def main():
    await turn()
    await asyncio.sleep(0)
    return list(numbers())
