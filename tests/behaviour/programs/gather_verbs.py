# codemods: gather_sequential_awaits
# level: unsafe
"""Nothing is known of the callees but their names."""

import asyncio


class Users:
    async def get_user(self, number):
        await asyncio.sleep(0.01)
        return {"id": number}


class Orders:
    async def list_orders(self, number):
        await asyncio.sleep(0.01)
        return [number, number + 1]


async def overview(users, orders, number):
    user = await users.get_user(number)
    recent = await orders.list_orders(number)
    return user, recent


async def main():
    return await overview(Users(), Orders(), 4)
