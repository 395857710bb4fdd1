# codemods: gather_sequential_awaits
# level: none
"""Two helpers with different names and one table behind them."""

import asyncio

effects = []
TABLE = {}


async def create_user(name):
    await asyncio.sleep(0.01)
    TABLE[name] = len(TABLE)
    effects.append(("created", name))
    return TABLE[name]


async def list_users():
    await asyncio.sleep(0.005)
    effects.append("listed")
    return sorted(TABLE)


async def main():
    number = await create_user("ada")
    users = await list_users()
    return number, users
