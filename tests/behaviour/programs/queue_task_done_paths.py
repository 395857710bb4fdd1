# codemods: mark_queue_task_done
# level: unsafe
"""Jobs that are skipped, done and failed: the worker sees the same of all, and dies of the same error."""

import asyncio


class Worker:
    def __init__(self) -> None:
        self.queue: asyncio.Queue = asyncio.Queue()
        self.log: list = []

    async def run(self) -> str:
        while True:
            job = await self.queue.get()
            if job == "skip":
                self.queue.task_done()  # nothing to do
                continue
            if job == "stop":
                return "stopped"
            if job == "fail":
                raise ValueError(job)
            self.log.append(job)
            await asyncio.sleep(0)
            # Done.
            self.queue.task_done()


async def main():
    results = []
    for jobs in (["a", "skip", "b", "stop", "c"], ["skip", "fail", "d"]):
        worker = Worker()
        for job in jobs:
            await worker.queue.put(job)
        results += await asyncio.gather(worker.run(), return_exceptions=True)
        results.append((worker.log, worker.queue.qsize()))
    return [repr(result) for result in results]
