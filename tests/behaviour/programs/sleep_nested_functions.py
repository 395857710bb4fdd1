# codemods: replace_time_sleep
# level: safe
"""A plain function inside stays as it is; an async one does not."""

import asyncio
import time


async def main():
    seen = []

    def blocking():
        time.sleep(0.002)
        seen.append("thread")

    async def pausing():
        time.sleep(0.002)
        seen.append("loop")

    await asyncio.to_thread(blocking)
    await pausing()
    await asyncio.to_thread(lambda: time.sleep(0.001))
    return seen
