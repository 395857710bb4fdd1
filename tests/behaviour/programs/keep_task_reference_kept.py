# codemods: keep_task_reference
# level: none
"""Tasks that somebody keeps, waits for or cancels."""

import asyncio

effects = []


class BackgroundTasks:
    def __init__(self):
        self._tasks = set()

    def add_task(self, coro):
        task = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def shutdown(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def job(name):
    await asyncio.sleep(0.001)
    effects.append(name)
    return name


async def main():
    background = BackgroundTasks()
    background.add_task(job("kept"))
    background.add_task(asyncio.sleep(60))
    async with asyncio.TaskGroup() as group:
        group.create_task(job("owned"))
    results = await asyncio.gather(asyncio.create_task(job("passed on")))
    make = lambda name: asyncio.create_task(job(name))
    results.append(await make("returned"))
    await background.shutdown()
    return results
