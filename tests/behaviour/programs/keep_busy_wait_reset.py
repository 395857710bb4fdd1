# codemods: replace_busy_wait
# level: none
"""The flag goes back: an event would stay set."""

import asyncio


class Gate:
    def __init__(self) -> None:
        self.open = False

    async def cycle(self) -> None:
        for _ in range(2):
            await asyncio.sleep(0.005)
            self.open = True
            await asyncio.sleep(0.005)
            self.open = False

    async def enter(self) -> bool:
        while not self.open:
            await asyncio.sleep(0.001)
        return self.open


async def main():
    gate = Gate()
    task = asyncio.create_task(gate.cycle())
    first = await gate.enter()
    await asyncio.sleep(0.006)
    second = await gate.enter()
    await task
    return first, second
