# codemods: gather_sequential_awaits
# level: safe
# target: py312
"""Awaits in displays, arguments and operators: the same values from calls that run at once, and the first failure of those that can fail."""

import asyncio
from dataclasses import dataclass


@dataclass
class Page:
    title: str
    users: list
    orders: list


async def fetch(name: str, fails: bool = False) -> list:
    await asyncio.sleep(0.01)
    if fails:
        raise ValueError(name)
    return [name]


async def page(title: str) -> Page:
    return Page(title, users=await fetch("users"), orders=await fetch("orders"))


async def by_name(users: int) -> dict:
    return {"users": await fetch("users"), "orders": await fetch("orders"), "number": users}


async def all_of_them() -> list:
    found = [await fetch("a"), await fetch("b"), await fetch("c")]
    return found


async def total() -> list:
    return await fetch("left") + await fetch("right")


async def failing() -> tuple:
    try:
        return list((await fetch("a"), await fetch("b", True)))
    except Exception:
        return ()


async def limited() -> tuple:
    first = await asyncio.wait_for(fetch("a"), timeout=5)
    second = await asyncio.wait_for(fetch("b"), timeout=5)
    return first, second


async def main():
    return await page("title"), await by_name(3), await all_of_them(), await total(), await failing(), await limited()
