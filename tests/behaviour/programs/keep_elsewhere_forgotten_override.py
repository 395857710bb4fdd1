# codemods: await_forgotten_coroutine
# level: none
"""A derived class whose method is a plain one."""

from client import Hub, seen
from plain import PlainHub


async def greet(hub: Hub) -> None:
    hub.send("b")


async def main():
    await greet(PlainHub())
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
# file: plain.py
from client import Hub, seen


class PlainHub(Hub):
    def send(self, name: str) -> bool:
        seen.append(name)
        return True
