# codemods: replace_queue_queue
# level: unsafe
"""Producer and consumer, bounds, exceptions and time limits in one loop."""

import asyncio
import queue


async def produce(jobs: queue.Queue, names: list[str]) -> int:
    for name in names:
        jobs.put(name)
        await asyncio.sleep(0)
    return jobs.qsize()


async def consume(jobs: queue.Queue) -> list[str]:
    seen = []
    while True:
        try:
            seen.append(jobs.get(timeout=0.02))
        except queue.Empty:
            return seen
        jobs.task_done()


async def main():
    jobs = queue.Queue(3)
    left = await produce(jobs, ["a", "b"])
    seen = await consume(jobs)
    jobs.join()
    out = []
    for number in range(4):
        try:
            jobs.put(number, False)
        except queue.Full:
            out.append("full")
    while not jobs.empty():
        out.append(jobs.get(block=False))
    try:
        jobs.get_nowait()
    except queue.Empty as error:
        out.append(repr(str(error)))
    return left, seen, out, jobs.full()
