# codemods: replace_wait_for_with_timeout
# level: none
# target: py312
"""Not awaited at once: each member has a limit of its own."""

import asyncio


async def load(key: str, delay: float) -> str:
    await asyncio.sleep(delay)
    return key


async def main():
    limited = asyncio.wait_for(load("c", 0.01), 0.5)
    found = await asyncio.gather(
        asyncio.wait_for(load("a", 0.001), 0.5),
        asyncio.wait_for(load("b", 5), 0.02),
        return_exceptions=True,
    )
    return [repr(one) for one in found], await limited
