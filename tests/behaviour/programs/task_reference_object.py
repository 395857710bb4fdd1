# codemods: keep_task_reference
# level: safe
"""An object that starts its own work, and two subclasses."""

import asyncio

effects = []


class Poller:
    def __init__(self, url):
        self.url = url
        self.seen = []

    def start(self):
        asyncio.create_task(self.poll())
        return self

    async def poll(self):
        for number in range(2):
            await asyncio.sleep(0.002)
            self.seen.append(f"{self.url} {number}")


class Named(Poller):
    name = "named"


class Counted(Poller):
    def __init__(self, url):
        super().__init__(url)
        self.count = 0

    async def poll(self):
        await super().poll()
        self.count = len(self.seen)


async def main():
    pollers = [Poller("a").start(), Named("b").start(), Counted("c").start()]
    await asyncio.sleep(0.05)
    return [poller.seen for poller in pollers], pollers[2].count
