# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A worker that goes home when nothing has come for a while."""

import asyncio


async def work(queue: asyncio.Queue) -> list:
    done = []
    while True:
        try:
            job = await asyncio.wait_for(queue.get(), 0.05)
        except asyncio.TimeoutError:
            break
        done.append(job * 2)
        queue.task_done()
    return done


async def main():
    queue: asyncio.Queue = asyncio.Queue()
    for number in range(5):
        queue.put_nowait(number)
    asyncio.get_running_loop().call_later(0.01, queue.put_nowait, 7)
    done = await work(queue)
    return done, queue.qsize()
