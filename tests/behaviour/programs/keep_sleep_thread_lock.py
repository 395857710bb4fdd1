# codemods: replace_time_sleep
# level: none
"""Under a lock of threads, a pause that lets others run would be a deadlock."""

import asyncio
import threading
import time

lock = threading.Lock()
effects = []


async def write(name):
    with lock:
        effects.append(("begin", name))
        time.sleep(0.002)
        effects.append(("end", name))


async def main():
    await asyncio.gather(write("a"), write("b"))
    return list(effects)
