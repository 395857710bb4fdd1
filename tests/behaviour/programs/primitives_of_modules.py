# codemods: move_primitive_into_loop
# level: unsafe
# target: py39
"""Locks, queues and events of a module, contended by several tasks."""

import asyncio

effects = []

LIMIT = 2
lock = asyncio.Lock()
_slots = asyncio.Semaphore(LIMIT)
jobs = asyncio.Queue(maxsize=3)  # bounded: the producer waits
STARTED: asyncio.Event = asyncio.Event()
changed = asyncio.Condition()

total = 0


async def add(number):
    global total
    async with _slots, lock:
        before = total
        await asyncio.sleep(0.001)
        total = before + number
        effects.append(("added", number, lock.locked()))


async def work(name):
    await STARTED.wait()
    while True:
        number = await jobs.get()
        try:
            if number is None:
                return name
            await add(number)
        finally:
            jobs.task_done()


async def wait_for_total(least):
    async with changed:
        await changed.wait_for(lambda: total >= least)
    effects.append("enough")


async def main():
    workers = [asyncio.create_task(work(name)) for name in "ab"]
    watcher = asyncio.create_task(wait_for_total(10))
    STARTED.set()
    for number in range(6):
        await jobs.put(number)
    for _ in workers:
        await jobs.put(None)
    await jobs.join()
    async with changed:
        changed.notify_all()
    await watcher
    return total, await asyncio.gather(*workers)
