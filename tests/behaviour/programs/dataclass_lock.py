# codemods: replace_threading_primitive, replace_queue_queue
# level: unsafe
"""A lock, an event and a queue of a dataclass, and a lock of a class."""

import asyncio
import queue
import threading
from dataclasses import dataclass, field


@dataclass
class Worker:
    value: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    jobs: queue.Queue = field(default_factory=queue.Queue, repr=False)

    async def increment(self) -> int:
        with self.lock:
            current = self.value
            await asyncio.sleep(0.001)
            self.value = current + 1
            return self.value

    async def submit(self, job: str) -> None:
        self.jobs.put(job)

    async def run(self) -> str:
        return self.jobs.get()


class Registry:
    _lock = threading.Lock()
    items: dict = {}

    @classmethod
    async def register(cls, name: str) -> None:
        with cls._lock:
            await asyncio.sleep(0.001)
            cls.items[name] = len(cls.items)


async def main():
    worker = Worker()
    await worker.submit("a")
    await Registry.register("b")
    return await worker.increment(), await worker.run(), Registry.items, repr(worker)
