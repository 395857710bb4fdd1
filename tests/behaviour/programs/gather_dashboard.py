# codemods: gather_sequential_awaits
# level: safe
"""A dashboard of three independent parts."""

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Account:
    number: int
    owner: str


async def load_account(number: int) -> Account:
    await asyncio.sleep(0.02)
    return Account(number, "Ada")


async def load_balance(number: int) -> float:
    await asyncio.sleep(0.01)
    return number * 1.5


async def load_messages(number: int, *, limit: int = 10) -> list[str]:
    await asyncio.sleep(0.015)
    return [f"message {i} for {number}" for i in range(limit)]


async def dashboard(number: int) -> dict:
    account = await load_account(number)
    balance = await load_balance(number)
    messages = await load_messages(number, limit=2)
    return {"owner": account.owner, "balance": balance, "messages": messages}


async def main() -> list[dict]:
    return [await dashboard(7), await dashboard(8)]
