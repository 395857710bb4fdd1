# codemods: use_except_star
# level: unsafe
# expect: differs
"""A handler that never ran runs."""

import asyncio


async def fail(number):
    await asyncio.sleep(0.001)
    raise ValueError(number)


async def main():
    state = "loaded"
    try:
        async with asyncio.TaskGroup() as tg:
            for number in range(2):
                tg.create_task(fail(number))
    except ValueError:
        state = "failed"
    return state
