# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""None as the limit, a module constant as the limit."""

import asyncio

PATIENCE = 0.02


async def main():
    event = asyncio.Event()
    seen = []
    try:
        await asyncio.wait_for(event.wait(), PATIENCE)
    except asyncio.TimeoutError:
        seen.append("not yet")
    asyncio.get_running_loop().call_later(0.01, event.set)
    seen.append(await asyncio.wait_for(event.wait(), None))
    return seen, event.is_set()
