# codemods: replace_time_sleep
# level: unsafe
# expect: differs
# gives: [['a', 'a'], [(0, 1), (0, 2)], [0, 0, 0], ['done', 'done'], [('a', 'b'), ('b', 'b')]]
"""What was read before the pause is used behind it, by other words each time."""

import asyncio
import os
import time
from collections import deque

todo = deque("abc")
log = []
current = None
os.environ["ASYNCUP_N"] = "0"


async def take():
    head = todo[0]
    time.sleep(0.002)
    todo.popleft()
    return head


async def number(n):
    size = len(log)
    time.sleep(0.002)
    log.append((size, n))


async def count():
    n = int(os.getenv("ASYNCUP_N"))
    time.sleep(0.002)
    os.environ["ASYNCUP_N"] = str(n + 1)
    return n


async def enter(lock):
    if lock.locked():
        return "busy"
    time.sleep(0.002)
    async with lock:
        await asyncio.sleep(0.003)
        return "done"


async def handle(user):
    global current
    current = user
    time.sleep(0.002)
    return user, current


async def main():
    lock = asyncio.Lock()
    taken = await asyncio.gather(take(), take())
    await asyncio.gather(number(1), number(2))
    counted = await asyncio.gather(count(), count(), count())
    entered = await asyncio.gather(enter(lock), enter(lock))
    handled = await asyncio.gather(handle("a"), handle("b"))
    return [taken, list(log), counted, entered, handled]
