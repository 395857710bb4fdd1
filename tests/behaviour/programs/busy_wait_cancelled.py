# codemods: replace_busy_wait
# level: unsafe
"""Nobody sets the flag in time: the wait is cancelled, and a later one finds it set."""

import asyncio

opened = False


async def open_later() -> None:
    global opened
    await asyncio.sleep(0.02)
    opened = True


async def enter() -> str:
    while not opened:
        await asyncio.sleep(0.001)
    return "in"


async def main():
    task = asyncio.create_task(open_later())
    try:
        first = await asyncio.wait_for(enter(), 0.005)
    except TimeoutError:
        first = "late"
    return first, await enter(), await task
