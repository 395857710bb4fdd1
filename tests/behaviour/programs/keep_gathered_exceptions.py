# codemods: check_gathered_exceptions
# level: none
"""Checked, passed on, or dropped on purpose."""

import asyncio


async def load(number):
    await asyncio.sleep(0.001)
    if number < 0:
        raise ValueError(number)
    return number


async def checked():
    results = await asyncio.gather(load(1), load(-1), return_exceptions=True)
    return [str(result) if isinstance(result, Exception) else result for result in results]


async def returned():
    return await asyncio.gather(load(2), load(-2), return_exceptions=True)


async def cancelled():
    tasks = [asyncio.create_task(load(number)) for number in range(3)]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return [task.cancelled() for task in tasks]


async def dropped():
    await asyncio.gather(load(3), load(-3), return_exceptions=True)


async def main():
    await dropped()
    return await checked(), [str(result) for result in await returned()], await cancelled()
