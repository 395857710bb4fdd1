# codemods: gather_sequential_awaits
# level: none
"""Both fail, and which one failed decides what is done."""

import asyncio


async def stock(sku):
    await asyncio.sleep(0.02)
    raise KeyError(sku)


async def price(sku):
    await asyncio.sleep(0.005)
    raise ConnectionError(sku)


async def main():
    try:
        amount = await stock("bolt")
        cost = await price("bolt")
    except ConnectionError:
        return "try again later"
    except KeyError:
        return "no such thing"
    return amount, cost
