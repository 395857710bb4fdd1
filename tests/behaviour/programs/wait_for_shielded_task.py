# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""The task goes on after the limit, for it is shielded; without a shield it does not."""

import asyncio


async def main():
    effects = []

    async def save(name):
        await asyncio.sleep(0.05)
        effects.append(name)
        return name

    task = asyncio.create_task(save("shielded"))
    other = asyncio.create_task(save("bare"))
    try:
        await asyncio.wait_for(asyncio.shield(task), timeout=0.01)
    except asyncio.TimeoutError:
        effects.append("late")
    try:
        await asyncio.wait_for(other, timeout=0.01)
    except asyncio.TimeoutError:
        effects.append("late")
    result = await task
    return effects, result, other.cancelled()
