# codemods: replace_run_in_executor
# level: unsafe
"""Results, exceptions and keyword arguments of functions that run in the default executor."""

import asyncio
import functools
import threading

effects = []


def work(first, second=0, *, factor=1):
    if first < 0:
        raise ValueError(first)
    effects.append(threading.current_thread() is threading.main_thread())
    return (first + second) * factor


async def main():
    loop = asyncio.get_running_loop()
    seen = [await loop.run_in_executor(None, work, 1)]
    seen.append(await loop.run_in_executor(None, functools.partial(work, 1, factor=3), 2))
    seen.append(await loop.run_in_executor(None, func=lambda: work(4)))
    try:
        await loop.run_in_executor(None, work, -1)
    except ValueError as error:
        seen.append(repr(error))
    return seen
