# codemods: replace_loop_create_task
# level: safe
"""A loop fetched for its tasks only, and one that is used for more."""

import asyncio

effects = []


async def step(number):
    effects.append(f"step {number}")
    await asyncio.sleep(0.01 / number)
    effects.append(f"done {number}")
    return number


async def only():
    loop = asyncio.get_event_loop()
    first = loop.create_task(step(1), name="first")
    rest = [loop.create_task(step(number)) for number in (2, 3)]
    return first.get_name(), [await task for task in [first, *rest]]


async def more():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    loop.call_soon(done.set_result, "soon")
    return await done, await loop.create_task(step(4))


async def main():
    return await only(), await more(), await asyncio.get_running_loop().create_task(step(5))
