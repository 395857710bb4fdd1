# codemods: await_forgotten_coroutine
# level: none
"""A module puts a plain function in the place of a coroutine function."""

import client
import setup


async def main():
    setup.quiet()
    client.notify("a")
    return client.seen
# file: client.py
import asyncio

seen: list = []


async def notify(name: str) -> bool:
    await asyncio.sleep(0.001)
    seen.append(name)
    return False


class Hub:
    async def send(self, name: str) -> bool:
        return await notify(name)
# file: setup.py
import client


def note(name: str) -> bool:
    client.seen.append(name)
    return True


def quiet() -> None:
    client.notify = note
