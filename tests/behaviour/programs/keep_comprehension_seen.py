# codemods: use_async_comprehension
# level: none
"""What came in before the failure, the last item, and a list that others watch."""

import asyncio
from contextlib import suppress


async def numbers(report=None):
    for number in (1, 2):
        await asyncio.sleep(0)
        if report:
            report()
        yield number
    raise ConnectionError


async def partial():
    out = []
    try:
        async for number in numbers():
            out.append(number)
    except ConnectionError:
        pass
    return out


async def suppressed():
    with suppress(ConnectionError):
        out = []
        async for number in numbers():
            out.append(number)
    return out


async def logged(log):
    try:
        out = []
        async for number in numbers():
            out.append(number)
    finally:
        log.append(list(out))


async def watched():
    lengths = []
    out = []
    try:
        async for number in numbers(lambda: lengths.append(len(out))):
            out.append(number)
    except ConnectionError:
        return lengths


class Quiet:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        return True


async def quiet():
    async with Quiet():
        out = []
        async for number in numbers():
            out.append(number)
    return out


async def two():
    yield 1
    yield 2


async def last():
    out = []
    async for number in two():
        out.append(number)
    return out, number


async def main():
    log = []
    await asyncio.gather(logged(log), return_exceptions=True)
    return await partial(), await suppressed(), log, await watched(), await quiet(), await last()
