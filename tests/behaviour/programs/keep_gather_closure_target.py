# codemods: gather_sequential_awaits
# level: none
"""The second callee reads the variable that the first call sets."""

import asyncio


async def fetch(key):
    await asyncio.sleep(0.005)
    return key.upper()


async def main():
    region = "none"

    async def load_offers():
        await asyncio.sleep(0)
        return f"offers for {region}"

    region = await fetch("north")
    offers = await load_offers()
    return region, offers
