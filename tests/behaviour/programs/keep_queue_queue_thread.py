# codemods: replace_queue_queue
# level: none
"""A thread puts what the task gets."""

import queue
import threading


async def main():
    jobs: queue.Queue = queue.Queue()

    def produce() -> None:
        for number in range(3):
            jobs.put(number)

    threading.Thread(target=produce).start()
    return [jobs.get(), jobs.get(), jobs.get()]
