# codemods: mark_queue_task_done
# level: unsafe
"""A `try` that begins behind the sentinel's check, cancelled while it is idle and while it works."""

import asyncio


async def worker(queue: asyncio.Queue, seen: list) -> None:
    while True:
        item = await queue.get()
        if item is None:
            break
        try:
            seen.append(item)
            await asyncio.sleep(0.01)
        finally:
            seen.append("done")
            queue.task_done()


async def main():
    queue, seen = asyncio.Queue(), []
    ended = []
    for items in ([], ["a"], ["b", None]):
        task = asyncio.create_task(worker(queue, seen))
        for item in items:
            queue.put_nowait(item)
        await asyncio.sleep(0.005 if items != ["b", None] else 0.05)
        task.cancel()
        ended += await asyncio.gather(task, return_exceptions=True)
    return seen, [type(result).__name__ for result in ended]
