# codemods: replace_time_sleep
# level: safe
# unblocks: 300
"""While one task pauses, another one must get its turn."""

import asyncio
import time


async def work(number: int) -> int:
    time.sleep(0.4)
    return number * number


async def main():
    await asyncio.sleep(0.01)
    task = asyncio.create_task(asyncio.sleep(0.001, "other"))
    value = await work(3)
    return value, await task
