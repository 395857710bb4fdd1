# codemods: gather_sequential_awaits
# level: none
"""Attributes are set one by one, and somebody looks at them meanwhile."""

import asyncio


class Progress:
    state = "new"
    rows = 0


async def count(table):
    await asyncio.sleep(0.01)
    return len(table)


async def main():
    progress, seen = Progress(), []

    async def watch():
        for _ in range(3):
            seen.append((progress.state, progress.rows))
            await asyncio.sleep(0.0075)

    watcher = asyncio.create_task(watch())
    progress.state = await count("users")
    progress.rows = await count("orders")
    await watcher
    return seen, progress.state, progress.rows
