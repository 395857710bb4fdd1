# codemods: replace_time_sleep
# level: none
"""A generator expression would turn into an asynchronous one."""

import asyncio
import time


async def main():
    steps = (0.001, 0.002)
    await asyncio.sleep(0)
    return next(time.sleep(step) for step in steps), list(zip((time.sleep(0) for _ in steps), steps))
