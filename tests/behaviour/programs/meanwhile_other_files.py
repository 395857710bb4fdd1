# codemods: replace_time_sleep
# level: unsafe
# expect: differs
"""What other files of the project cancel, run by hand and change while a function waits where it did not."""

import asyncio
import contextlib

import conf
import device
import jobs

results = []


async def limited():
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.01):
            await jobs.both()
    return list(jobs.log)


async def cancelled():
    worker = device.Worker()
    task = asyncio.create_task(worker.work())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return worker.done


async def change(thing):
    await asyncio.sleep(0.005)
    thing.state = "off"
    conf.mode = "y"
    conf.names.pop(0)


async def main():
    thing = device.Thing()
    found = []
    read = await asyncio.gather(thing.poll(), conf.modes(), conf.visit(found), change(thing))
    return await limited(), await cancelled(), read, found


# file: conf.py
import time

mode = "x"
names = ["a", "b", "c"]


async def modes():
    first = mode
    time.sleep(0.02)
    return first, mode


async def visit(found):
    for name in names:
        time.sleep(0.02)
        found.append(name)


# file: device.py
import time


class Thing:
    def __init__(self):
        self.state = "on"

    async def poll(self):
        if self.state == "off":
            return "off"
        time.sleep(0.02)
        return self.state


class Worker:
    def __init__(self):
        self.done = []

    async def work(self):
        self.done.append("begin")
        time.sleep(0.02)
        self.done.append("end")


# file: jobs.py
import low

log = low.log


async def both():
    await low.job(1)
    await low.job(2)


# file: low.py
import time

log = []


async def job(n):
    log.append(n)
    time.sleep(0.02)
    log.append(-n)
