# codemods: gather_sequential_awaits
# level: none
"""Async functions that never wait are one step for everybody else."""

import asyncio

state = {"open": 0}


async def normalise(text):
    return text.strip().lower()


async def watch(seen):
    for _ in range(4):
        seen.append(state["open"])
        await asyncio.sleep(0)


async def main():
    seen = []
    watcher = asyncio.create_task(watch(seen))
    await asyncio.sleep(0)
    state["open"] = 1
    first = await normalise(" A ")
    second = await normalise(" B ")
    state["open"] = 0
    await watcher
    return first, second, seen
