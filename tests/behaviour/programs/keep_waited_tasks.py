# codemods: wrap_waited_coroutines
# level: none
"""Tasks and futures are waited for as they are."""

import asyncio


async def work(number):
    await asyncio.sleep(0)
    return number


async def main():
    future = asyncio.get_running_loop().create_future()
    future.set_result(3)
    task = asyncio.create_task(work(1))
    tasks = [asyncio.create_task(work(number)) for number in (4, 5)]
    done, _ = await asyncio.wait({task, future})
    more, _ = await asyncio.wait(tasks)
    return sorted(each.result() for each in done | more)
