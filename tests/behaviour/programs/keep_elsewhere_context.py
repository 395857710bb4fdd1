# codemods: gather_sequential_awaits
# level: none
"""A context variable is set in a third file."""

import asyncio

from client import enter, weigh
from context import tenant


async def main():
    name = await enter("acme")
    heavy = await weigh(4)
    return name, heavy, tenant.get()
# file: client.py
import asyncio

from context import set_tenant


async def enter(name: str) -> str:
    await asyncio.sleep(0.01)
    set_tenant(name)
    return name


async def weigh(key: int) -> int:
    await asyncio.sleep(0.005)
    return key * 3
# file: context.py
import contextvars

tenant = contextvars.ContextVar("tenant", default="")


def set_tenant(name: str) -> None:
    tenant.set(name)
