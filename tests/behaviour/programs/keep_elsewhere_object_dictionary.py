# codemods: gather_sequential_awaits
# level: none
"""A method is replaced for one object, through its dictionary."""

import asyncio

from client import Client
from making import make, seen


async def both(place: Client):
    long = await place.get(3)
    heavy = await place.get(4)
    return long, heavy


async def main():
    return await both(make()), seen
# file: client.py
import asyncio


class Client:
    def __init__(self, hook=None) -> None:
        self.hook = hook

    def note(self, key: int) -> None:
        pass

    async def get(self, key: int) -> int:
        await asyncio.sleep(0.02 / key)
        self.note(key)
        return key
# file: making.py
from client import Client

seen: list = []


def make() -> Client:
    client = Client()
    for name in ("note",):
        client.__dict__[name] = seen.append
    return client
