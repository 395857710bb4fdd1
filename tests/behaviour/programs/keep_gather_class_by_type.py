# codemods: gather_sequential_awaits
# level: none
"""A class that `type` makes overrides the method that two awaits run."""

import asyncio


class Reader:
    async def load(self, key):
        await asyncio.sleep(0.001)
        return key

    async def both(self):
        first = await self.load(1)
        second = await self.load(2)
        return first, second


def counting(seen):
    async def load(self, key):
        await asyncio.sleep(0.01 / key)
        seen.append(key)
        return key, len(seen)

    return type("Counting", (Reader,), {"load": load})


async def main():
    return await counting([])().both()
