# codemods: replace_wait_for_with_timeout
# level: none
# target: py310
"""asyncio.timeout came with Python 3.11."""

import asyncio


async def work() -> str:
    await asyncio.sleep(0.001)
    return "done"


async def main():
    return await asyncio.wait_for(work(), 1)
