# codemods: rename_sync_dunders
# level: none
"""One class is entered in a plain function of another file, and of the other one a class derives there."""

import warnings

from client import Session, Store

warnings.simplefilter("ignore")


class Child(Store):
    def __enter__(self):
        return "child"

    def __exit__(self, *exc_info):
        return False


def plain():
    with Session():
        return 1


async def main():
    with Child() as child:
        return plain(), child
# file: client.py
import asyncio


class Session:
    async def __enter__(self):
        return self

    async def __exit__(self, *exc_info):
        await asyncio.sleep(0)


class Store:
    async def __enter__(self):
        return self

    async def __exit__(self, *exc_info):
        await asyncio.sleep(0)
