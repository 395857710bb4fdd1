# codemods: replace_time_sleep
# level: safe
"""The pause is a constant of the module or of the class."""

import asyncio
import time

PAUSE = 0.002


class Poller:
    interval = 0.001

    async def poll(self, enough: int) -> int:
        turns = 0
        while turns < enough:
            time.sleep(PAUSE)
            time.sleep(0.001)
            turns += 1
        return turns


async def main():
    started = time.perf_counter()
    turns = await Poller().poll(3)
    await asyncio.sleep(0)
    return turns, time.perf_counter() > started
