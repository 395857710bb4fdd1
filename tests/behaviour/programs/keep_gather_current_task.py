# codemods: gather_sequential_awaits
# level: none
"""State that belongs to the current task."""

import asyncio

owners = {}


async def begin(name):
    owners[asyncio.current_task()] = name
    await asyncio.sleep(0.005)


async def whose():
    await asyncio.sleep(0.005)
    return owners.get(asyncio.current_task(), "nobody's")


async def main():
    await begin("ada")
    owner = await whose()
    return owner
