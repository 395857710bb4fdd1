# codemods: use_async_with, rename_sync_dunders, replace_contextmanager_on_async_generator
# level: none
"""Managers of both kinds, used as they are meant."""

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager

effects = []


class Both:
    def __enter__(self):
        effects.append("enter")

    def __exit__(self, *exc_info):
        effects.append("exit")

    async def __aenter__(self):
        effects.append("aenter")

    async def __aexit__(self, *exc_info):
        effects.append("aexit")


@contextmanager
def plain():
    yield "plain"


@asynccontextmanager
async def slow():
    await asyncio.sleep(0)
    yield "slow"


@asynccontextmanager
def delegated():
    return slow.__wrapped__()


async def main():
    with Both(), threading.Lock(), plain() as name:
        effects.append(name)
    async with Both(), asyncio.Lock(), slow() as name, delegated() as other:
        effects.append((name, other))
