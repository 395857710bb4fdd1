# codemods: replace_threading_primitive
# level: unsafe
"""Semaphores by call and by manager, and a condition that is notified before anybody waits."""

import asyncio
import threading


async def take(limit: threading.BoundedSemaphore, log: list[str], name: str) -> None:
    limit.acquire()
    try:
        log.append(name)
        await asyncio.sleep(0)
    finally:
        limit.release()


async def main():
    limit = threading.BoundedSemaphore(2)
    changed = threading.Condition()
    log: list[str] = []
    await asyncio.gather(take(limit, log, "a"), take(limit, log, "b"))
    with limit:
        await asyncio.sleep(0)
        log.append("c")
    with changed:
        log.append("d")
        changed.notify_all()
        seen = changed.wait_for(lambda: log[-1])
    try:
        limit.release()
    except ValueError as error:
        log.append(type(error).__name__)
    return log, seen
