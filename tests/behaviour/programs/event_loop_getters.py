# codemods: replace_get_event_loop
# level: safe
"""The running loop, in the body of async functions and in their comprehensions."""

import asyncio
from asyncio import get_event_loop

effects = []


async def ticks():
    for _ in range(2):
        yield asyncio.get_event_loop() is asyncio.get_running_loop()


async def main():
    loop = asyncio.get_event_loop()
    loop.call_soon(effects.append, "called")
    await asyncio.sleep(0)
    seen = [asyncio.get_event_loop() is loop for _ in range(2)]
    seen.append(get_event_loop().is_running())
    seen.extend([tick async for tick in ticks()])
    return seen
