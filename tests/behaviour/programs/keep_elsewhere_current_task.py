# codemods: gather_sequential_awaits
# level: none
"""The current task is asked for in a third file."""

import asyncio

from client import measure, weigh


async def main():
    long = await measure(3)
    heavy = await weigh(4)
    return long, heavy
# file: client.py
import asyncio

from owner import owner


async def measure(key: int) -> str:
    await asyncio.sleep(0.01)
    return owner()


async def weigh(key: int) -> str:
    await asyncio.sleep(0.005)
    return owner()
# file: owner.py
import asyncio


def owner() -> bool:
    return asyncio.current_task().get_name() == "Task-1"
