# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""A limit of zero asks whether it is there already."""

import asyncio

effects = []


async def begin():
    effects.append("begun")
    return "quick"


async def main():
    queue = asyncio.Queue()
    seen = []
    try:
        seen.append(await asyncio.wait_for(queue.get(), 0))
    except asyncio.TimeoutError:
        seen.append("empty")
    try:
        seen.append(await asyncio.wait_for(begin(), timeout=0))
    except asyncio.TimeoutError:
        seen.append("not begun")
    try:
        seen.append(await asyncio.wait_for(begin(), timeout=-1))
    except asyncio.TimeoutError:
        seen.append("not begun")
    return seen
