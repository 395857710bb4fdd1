# codemods: mark_queue_task_done
# level: none
"""Items are marked by a callback, once each."""

import asyncio


async def main():
    queue: asyncio.Queue = asyncio.Queue()
    for item in (1, 2, None):
        queue.put_nowait(item)
    seen = []

    async def handle(item) -> None:
        await asyncio.sleep(0)
        seen.append(item)

    while True:
        item = await queue.get()
        if item is None:
            queue.task_done()
            break
        task = asyncio.create_task(handle(item))
        task.add_done_callback(lambda _: queue.task_done())
    await queue.join()
    return seen
