# codemods: gather_sequential_awaits, gather_awaits_in_loop
# level: none
"""Functions that do nothing but wait are waited for one after the other: that is what they are for."""

import asyncio
import time


async def pause():
    await asyncio.sleep(0.02)


async def breathe(seconds):
    await pause()
    await asyncio.sleep(seconds)


async def main():
    started = time.monotonic()
    await pause()
    await breathe(0.01)
    for _ in range(2):
        await pause()
    return time.monotonic() - started >= 0.08
