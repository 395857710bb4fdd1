# codemods: gather_sequential_awaits
# level: none
"""Under a lock, one thing at a time is the point."""

import asyncio

lock = asyncio.Lock()
effects = []


async def write_line(text):
    effects.append(("begin", text))
    await asyncio.sleep(0.005)
    effects.append(("end", text))


async def main():
    async with lock:
        await write_line("one")
        await write_line("two")
    return len(effects)
