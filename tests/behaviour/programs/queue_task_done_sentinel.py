# codemods: mark_queue_task_done
# level: unsafe
# expect: differs
"""The sentinel is never marked, and whoever joins the queue gives up; afterwards the queue is done."""

import asyncio


async def worker(queue: asyncio.Queue, seen: list) -> None:
    while True:
        item = await queue.get()
        if item is None:
            break
        seen.append(item)
        await asyncio.sleep(0)
        queue.task_done()


async def main():
    queue, seen = asyncio.Queue(), []
    task = asyncio.create_task(worker(queue, seen))
    for item in (1, 2, None):
        queue.put_nowait(item)
    await task
    try:
        await asyncio.wait_for(queue.join(), 0.02)
    except TimeoutError:
        return seen, "waits"
    return seen, "joined"
