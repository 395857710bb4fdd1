# codemods: use_lock_as_context_manager
# level: safe
"""Results, errors and cancellations leave the lock as they find it, with and without handlers."""

import asyncio


async def work(lock: asyncio.Lock, log: list, name: str, fail: bool) -> str:
    await lock.acquire()
    try:
        log.append(("in", name))
        await asyncio.sleep(0.01)
        if fail:
            raise ValueError(name)
        return name
    finally:
        lock.release()


async def guarded(lock: asyncio.Lock, log: list, name: str) -> str:
    await lock.acquire()
    try:
        await asyncio.sleep(0.01)
        raise KeyError(name)
    except KeyError:
        log.append(("locked", lock.locked()))
    else:
        log.append("never")
    finally:
        lock.release()
    return name


async def main():
    lock, log = asyncio.Lock(), []
    results = await asyncio.gather(
        work(lock, log, "a", False), work(lock, log, "b", True), guarded(lock, log, "c"), return_exceptions=True
    )
    waiting = asyncio.create_task(work(lock, log, "d", False))
    holding = asyncio.create_task(work(lock, log, "e", False))
    await asyncio.sleep(0)
    holding.cancel()
    waiting.cancel()
    stopped = await asyncio.gather(waiting, holding, return_exceptions=True)
    return [repr(result) for result in results], [type(result).__name__ for result in stopped], log, lock.locked()
