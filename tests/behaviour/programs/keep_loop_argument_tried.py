# codemods: remove_loop_argument
# level: none
"""A program that tries with a loop and then without."""

import asyncio


def make_lock(loop):
    try:
        return "with", asyncio.Lock(loop=loop)
    except TypeError:
        return "without", asyncio.Lock()


async def main():
    how, lock = make_lock(asyncio.get_running_loop())
    async with lock:
        return how
