# codemods: replace_time_sleep
# level: none
"""What is read before a pause and written behind it stays without an await: updates would be lost."""

import asyncio
import time

stock = {"apples": 10}


class Counter:
    def __init__(self):
        self.number = 0

    async def count(self):
        before = self.number
        time.sleep(0.002)
        after = before + 1
        self.number = after


async def take(number):
    left = stock.get("apples", 0)
    time.sleep(0.002)
    stock["apples"] = left - number


async def main():
    counter = Counter()
    await asyncio.gather(*[counter.count() for _ in range(5)], *[take(1) for _ in range(3)])
    print(counter.number, stock)


asyncio.run(main())
