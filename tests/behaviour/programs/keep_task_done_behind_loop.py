# codemods: mark_queue_task_done
# level: none
"""The item that ends the loop is marked behind it, in a `finally` around it, or by another name of the method."""

import asyncio


async def behind(queue, out):
    while True:
        item = await queue.get()
        if item is None:
            break
        out.append(item)
        queue.task_done()
    queue.task_done()


async def around(queue, out):
    item = 0
    try:
        while True:
            item = await queue.get()
            if item is None:
                break
            out.append(item)
            queue.task_done()
    finally:
        if item is None:
            queue.task_done()


async def by_name(queue, out):
    mark = queue.task_done
    while True:
        item = await queue.get()
        if item is None:
            mark()
            break
        out.append(item)
        queue.task_done()


async def main():
    queue = asyncio.Queue()
    out = []
    for worker in (behind, around, by_name):
        for item in (1, None):
            queue.put_nowait(item)
        await worker(queue, out)
        await asyncio.wait_for(queue.join(), 1)
    return out
