# codemods: replace_threading_primitive
# level: none
"""One file uses each in a way that asyncio's does not know, or in code that a thread may run."""

import asyncio
import threading

from locks import GATE, LOCK, OTHER


def in_thread():
    with LOCK:
        return LOCK.locked()


async def main():
    with LOCK:
        await asyncio.sleep(0)
    with OTHER:
        await asyncio.sleep(0)
    with GATE:
        await asyncio.sleep(0)
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    return OTHER.acquire(timeout=0.01)
# file: locks.py
import threading

LOCK = threading.Lock()
OTHER = threading.Lock()
GATE = threading.Lock()
# file: unused.py
import locks


def hand_on(register):
    register(locks.GATE)
