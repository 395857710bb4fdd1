# codemods: replace_busy_wait
# level: unsafe
"""A flag of an object and a flag of a function, with two tasks that wait for the first."""

import asyncio


class Service:
    def __init__(self) -> None:
        self.ready = False
        self.log: list[str] = []

    async def start(self) -> None:
        await asyncio.sleep(0.005)
        self.log.append("started")
        self.ready = True

    async def wait(self, name: str) -> bool:
        while not self.ready:
            await asyncio.sleep(0.001)
        self.log.append(name)
        return self.ready


async def main():
    service = Service()
    done = False

    async def finish() -> None:
        nonlocal done
        while service.ready is False:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.005)
        done = True

    task = asyncio.create_task(finish())
    waited = await asyncio.gather(service.wait("a"), service.start())
    while not done:
        await asyncio.sleep(0.001)
    await task
    return waited, service.log, await service.wait("late")
