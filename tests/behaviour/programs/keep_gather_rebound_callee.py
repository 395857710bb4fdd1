# codemods: gather_sequential_awaits
# level: none
"""The first call puts another function into the second one's name."""

import asyncio


async def old_price(sku):
    await asyncio.sleep(0.005)
    return 1


async def new_price(sku):
    await asyncio.sleep(0.005)
    return 2


price = old_price


async def reload_settings():
    global price
    await asyncio.sleep(0.005)
    price = new_price
    return "reloaded"


async def main():
    settings = await reload_settings()
    cost = await price("bolt")
    return settings, cost
