# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""Somebody else's function of that name, and a variable called asyncio."""

import asyncio


async def wait_for(awaitable, attempts):
    result = None
    for _ in range(attempts):
        result = await awaitable()
    return result


class Clock:
    async def wait_for(self, awaitable, seconds):
        return [await awaitable, seconds]


async def hour() -> int:
    await asyncio.sleep(0)
    return 12


async def main():
    seen = [await wait_for(hour, 3)]

    async def local(asyncio):
        return await asyncio.wait_for(hour(), 1)

    seen.append(await local(Clock()))
    return seen
