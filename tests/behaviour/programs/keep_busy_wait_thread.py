# codemods: replace_busy_wait
# level: none
"""A thread sets the flag."""

import asyncio
import threading


class Box:
    def __init__(self) -> None:
        self.ready = False

    def fill(self) -> None:
        self.ready = True


async def main():
    box = Box()
    threading.Timer(0.01, box.fill).start()
    while not box.ready:
        await asyncio.sleep(0.001)
    return box.ready
