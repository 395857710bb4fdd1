# codemods: replace_threading_primitive
# level: unsafe
"""One task after the other holds the lock while it waits; each leaves it as it was, with an error too."""

import asyncio
import threading


class Account:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.balance = 0

    async def add(self, amount: int) -> int:
        with self.lock:
            before = self.balance
            await asyncio.sleep(0)
            if amount < 0:
                raise ValueError(amount)
            self.balance = before + amount
            return self.balance


async def main():
    account = Account()
    first = await account.add(1)
    failed = await asyncio.gather(account.add(-1), return_exceptions=True)
    second = await account.add(2)
    return first, repr(failed), second, account.lock.locked()
