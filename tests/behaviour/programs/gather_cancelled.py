# codemods: gather_sequential_awaits
# level: safe
"""The group is cancelled from outside, and nothing is left of it."""

import asyncio


async def slow(name: str) -> str:
    await asyncio.sleep(5)
    return name


async def both() -> str:
    left = await slow("left")
    right = await slow("right")
    return left + right


async def main():
    task = asyncio.create_task(both())
    await asyncio.sleep(0.02)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        pass
    await asyncio.sleep(0)
    return task.cancelled(), len(asyncio.all_tasks())
