# codemods: replace_threading_primitive
# level: none
"""A lock that its holder takes twice."""

import asyncio
import threading

lock = threading.RLock()


async def inner() -> str:
    with lock:
        await asyncio.sleep(0)
        return "inner"


async def main():
    with lock:
        return await inner()
