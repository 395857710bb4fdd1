# codemods: replace_time_sleep
# level: none
"""Functions that are not async, wherever they stand."""

import asyncio
import time


def wait(seconds: float) -> str:
    time.sleep(seconds)
    return "waited"


class Job:
    def __call__(self) -> str:
        time.sleep(0.001)
        return "called"

    @property
    def result(self) -> str:
        time.sleep(0.001)
        return "result"


async def main():
    pause = lambda: time.sleep(0.001)  # noqa: E731
    pause()
    return await asyncio.to_thread(wait, 0.001), await asyncio.to_thread(Job()), Job().result
