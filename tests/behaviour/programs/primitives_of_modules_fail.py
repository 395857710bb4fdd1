# codemods: move_primitive_into_loop
# level: unsafe
# target: py38
"""A failure and a cancellation under a lock of the module leave it free."""

import asyncio
from asyncio import Lock

effects = []

_lock = Lock()


async def hold(name, seconds):
    async with _lock:
        effects.append(name)
        await asyncio.sleep(seconds)
        if name == "bad":
            raise ValueError(name)
        return name


async def main():
    results = await asyncio.gather(
        hold("good", 0), hold("bad", 0), hold("last", 0), return_exceptions=True
    )
    task = asyncio.create_task(hold("late", 60))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    return [repr(result) for result in results], task.cancelled(), _lock.locked()
