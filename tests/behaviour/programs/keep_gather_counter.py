# codemods: gather_sequential_awaits
# level: none
"""A counter that is read, waited for and written."""

import asyncio


class Meter:
    def __init__(self):
        self.total = 0

    async def add(self, amount):
        before = self.total
        await asyncio.sleep(0.005)
        self.total = before + amount
        return self.total


async def main():
    meter = Meter()
    first = await meter.add(3)
    second = await meter.add(4)
    return first, second, meter.total
