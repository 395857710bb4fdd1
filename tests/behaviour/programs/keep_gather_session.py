# codemods: gather_sequential_awaits
# level: none
"""One database session for both, which can do one thing at a time."""

import asyncio


class Session:
    def __init__(self):
        self.busy = False

    async def execute(self, query):
        if self.busy:
            raise RuntimeError("another operation is in progress")
        self.busy = True
        await asyncio.sleep(0.01)
        self.busy = False
        return query.lower()


async def main():
    session = Session()
    users = await session.execute("SELECT USERS")
    orders = await session.execute("SELECT ORDERS")
    return users, orders
