# codemods: replace_coroutine_decorator
# level: unsafe
# expect: differs
"""The decorator is gone since Python 3.11: AttributeError before, the work afterwards."""

import asyncio

effects = []


async def main():
    try:

        @asyncio.coroutine
        def work(number):
            yield from asyncio.sleep(0)
            yield
            effects.append(number)
            return number

        return await work(1), await asyncio.gather(work(2), work(3))
    except AttributeError as error:
        return type(error).__name__
