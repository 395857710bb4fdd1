# codemods: gather_sequential_awaits
# level: any
"""Callees that make objects of a class of this file, and take keywords."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    number: int
    owner: str


async def load_account(number: int) -> Account:
    await asyncio.sleep(0.01)
    return Account(number, "Ada")


async def load_messages(number: int, *, limit: int = 10) -> list[str]:
    await asyncio.sleep(0.005)
    return [f"message {i} for {number}" for i in range(limit)]


async def overview(number: int) -> list:
    account = await load_account(number)
    messages = await load_messages(number, limit=2)
    return [account.owner, messages]


async def main():
    return await overview(7)
