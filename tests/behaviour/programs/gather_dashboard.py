# codemods: gather_sequential_awaits
# level: safe
"""A dashboard of three independent parts."""

import asyncio


async def load_account(number: int) -> str:
    await asyncio.sleep(0.02)
    return f"account {number}"


async def load_balance(number: int) -> float:
    await asyncio.sleep(0.01)
    return number * 1.5


async def load_messages(number: int, limit: int = 10) -> list[str]:
    await asyncio.sleep(0.015)
    return [f"message {i} for {number}" for i in range(limit)]


async def dashboard(number: int) -> dict:
    account = await load_account(number)
    balance = await load_balance(number)
    messages = await load_messages(number, 2)
    return {"account": account, "balance": balance, "messages": messages}


async def main() -> list[dict]:
    return [await dashboard(7), await dashboard(8)]
