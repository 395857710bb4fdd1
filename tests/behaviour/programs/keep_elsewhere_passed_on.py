# codemods: await_forgotten_coroutine
# level: none
"""Coroutines of another file that are handed over."""

import asyncio

from client import notify, seen


async def main():
    task = asyncio.create_task(notify("a"))
    later = notify("b")
    await task
    await later
    return seen
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
