# codemods: replace_threading_primitive
# level: unsafe
"""A lock, an event and a semaphore that one file makes, a package hands on, and three files use under several names."""

from shelf import READY, add, later
from stock import LOCK as stock_lock
from stock.locks import slots


async def main():
    first = await add(1)
    with stock_lock:
        second = stock_lock.locked()
    with slots:
        third = await later(2)
    READY.set()
    return first, second, third, READY.wait(), stock_lock.locked()
# file: stock/__init__.py
from .locks import LOCK

__all__ = ["LOCK"]
# file: stock/locks.py
import threading

LOCK = threading.Lock()
READY = threading.Event()
slots = threading.Semaphore(2)
# file: shelf.py
import asyncio

import stock.locks
from stock.locks import READY

total = 0


async def add(number):
    global total
    with stock.locks.LOCK:
        before = total
        await asyncio.sleep(0)
        total = before + number
    return total


async def later(number):
    stock.locks.LOCK.acquire()
    try:
        await asyncio.sleep(0)
        return number
    finally:
        stock.locks.LOCK.release()
