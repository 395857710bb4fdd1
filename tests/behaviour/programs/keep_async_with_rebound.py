# codemods: use_async_with
# level: none
"""The name stands for another object when it is closed."""

import asyncio

effects = []


class Stream:
    def __init__(self, name):
        self.name = name

    async def aclose(self):
        await asyncio.sleep(0)
        effects.append(self.name)


async def rebound():
    stream = Stream("one")
    try:
        stream = Stream("two")
    finally:
        await stream.aclose()


async def by_closure():
    stream = Stream("three")
    try:

        def swap():
            nonlocal stream
            stream = Stream("four")

        swap()
    finally:
        await stream.aclose()


async def by_global():
    global shared
    shared = Stream("five")
    try:
        await replace()
    finally:
        await shared.aclose()


async def replace():
    global shared
    shared = Stream("six")


async def main():
    await rebound()
    await by_closure()
    await by_global()
