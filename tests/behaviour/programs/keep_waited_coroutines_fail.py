# codemods: wrap_waited_coroutines
# level: none
"""A program that expects the TypeError that coroutines give."""

import asyncio


async def work(number):
    await asyncio.sleep(0)
    return number


async def main():
    try:
        done, pending = await asyncio.wait([work(1), work(2)])
    except TypeError as error:
        return str(error)
    return sorted(task.result() for task in done), len(pending)
