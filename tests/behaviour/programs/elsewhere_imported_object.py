# codemods: gather_sequential_awaits
# level: unsafe
# expect: differs
"""An attribute of an imported object is a property that counts."""

import asyncio

from client import load


async def main():
    first = await load("a", 0.05)
    second = await load("b", 0.01)
    return first, second
# file: client.py
import asyncio

from state import state


async def load(key: str, delay: float):
    await asyncio.sleep(delay)
    return key, state.number
# file: state.py
class State:
    count = 0

    @property
    def number(self) -> int:
        self.count += 1
        return self.count


state = State()
