# codemods: keep_task_reference
# level: safe
"""Several places, one of them a callback's lambda, one inside an expression."""

import asyncio

effects = []


async def job(name):
    await asyncio.sleep(0.002)
    effects.append((name, asyncio.current_task().get_name()))


async def main():
    loop = asyncio.get_running_loop()
    loop.call_soon(lambda: asyncio.create_task(job("later"), name="t1"))
    wanted = True
    wanted and asyncio.create_task(job("wanted"), name="t2")
    [asyncio.create_task(job(number), name=f"n{number}") for number in range(2)]
    asyncio.create_task(coro=job("keyword"), name="t3")
    await asyncio.sleep(0.05)
    return sorted(effects, key=str)
