# codemods: gather_sequential_awaits
# level: safe
"""Nobody keeps the results."""

import asyncio


async def warm(host: str) -> bool:
    await asyncio.sleep(0.01)
    return host.islower()


async def main():
    await warm("db")
    await warm("cache")
    kept = await warm("Mail")
    return kept
