# codemods: replace_time_sleep
# level: unsafe
# expect: differs
"""State that belongs to the time between two statements, met by another call of the same function once it waits there."""

import asyncio
import itertools
import time

stack = []
ids = itertools.count()


class Port:
    depth = 0

    def __init__(self):
        self.mode = None

    def set_mode(self, mode):
        self.mode = mode

    def read(self):
        return self.mode

    def __enter__(self):
        Port.depth += 1
        return self

    def __exit__(self, *args):
        Port.depth -= 1

    async def ask(self, mode):
        self.set_mode(mode)
        time.sleep(0.01)
        return self.read()

    async def nested(self):
        with self:
            time.sleep(0.01)
            return Port.depth


async def innermost(n):
    stack.append(n)
    time.sleep(0.01 * n)
    return stack.pop()


async def pair():
    first = next(ids)
    time.sleep(0.01)
    return first, next(ids)


async def main():
    port = Port()
    asked = await asyncio.gather(port.ask(1), port.ask(2))
    nested = await asyncio.gather(port.nested(), port.nested())
    popped = await asyncio.gather(innermost(1), innermost(3), innermost(2))
    return asked, nested, popped, await asyncio.gather(pair(), pair())
