# codemods: use_async_with
# level: none
"""`__aexit__` commits, or swallows, or `__aenter__` begins: `async with` is something else."""

import asyncio
from contextlib import asynccontextmanager

effects = []


class Commits:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        effects.append("commit")
        await self.close()

    async def close(self):
        effects.append("close")


class Swallows(Commits):
    async def __aexit__(self, *exc_info):
        await self.close()
        return True


class Begins(Commits):
    async def __aenter__(self):
        effects.append("begin")
        return self

    async def __aexit__(self, *exc_info):
        await self.close()


class Other(Commits):
    async def __aexit__(self, *exc_info):
        await self.close()

    async def __aenter__(self):
        return Commits()


async def commits():
    connection = Commits()
    try:
        effects.append(1)
    finally:
        await connection.close()


async def swallows():
    connection = Swallows()
    try:
        raise ValueError
    finally:
        await connection.close()


async def begins():
    connection = Begins()
    try:
        effects.append(2)
    finally:
        await connection.close()


async def other():
    connection = Other()
    try:
        effects.append(type(connection).__name__)
    finally:
        await connection.close()


@asynccontextmanager
async def get_connection():
    connection = Commits()
    try:
        yield connection
    finally:
        await connection.close()


async def main():
    await commits()
    await begins()
    await other()
    async with get_connection() as connection:
        effects.append(type(connection).__name__)
    return (await asyncio.gather(swallows(), return_exceptions=True))[0].__class__
