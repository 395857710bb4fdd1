# codemods: await_forgotten_coroutine
# level: unsafe
# expect: differs
"""Coroutines of another file that nobody awaits."""

from client import Hub, notify, seen


async def greet(hub: Hub) -> str:
    notify("a")
    hub.send("b")
    if await notify("c"):
        return "in"
    return "out"


async def main():
    return await greet(Hub()), seen
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
