# codemods: offload_blocking_call
# level: any
"""Queues and events that threads use are waited for in a thread."""

import queue
import threading
import time


async def main():
    jobs = queue.Queue(maxsize=2)
    done = threading.Event()

    def produce():
        for number in range(3):
            time.sleep(0.1)
            jobs.put(number)
        done.set()

    thread = threading.Thread(target=produce)
    thread.start()
    taken = [jobs.get(), jobs.get(timeout=5)]
    try:
        jobs.get(timeout=0.01)
    except queue.Empty:
        taken.append("empty")
    in_time = done.wait(5), done.wait()
    taken.append(jobs.get_nowait())
    thread.join()
    return taken, in_time, done.wait(0)
