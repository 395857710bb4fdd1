# codemods: replace_time_sleep
# level: unsafe
"""A difference could be negative; here it is not."""

import asyncio
import time


async def main():
    deadline = time.monotonic() + 0.02
    time.sleep(deadline - time.monotonic())
    await asyncio.sleep(0)
    return time.monotonic() >= deadline
