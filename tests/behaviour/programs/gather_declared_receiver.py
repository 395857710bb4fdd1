# codemods: gather_sequential_awaits
# level: safe
# config: [[receivers]]
# config: name = "warehouse"
# config: shareable = true
# config: reads = ["stock", "location"]
# config: writes = ["reserve"]
"""The configuration says that the client may be shared, and what only reads."""

import asyncio

effects = []


class Warehouse:
    async def stock(self, sku: str) -> int:
        effects.append(("stock", sku))
        await asyncio.sleep(0.01)
        return len(sku)

    async def location(self, sku: str) -> str:
        effects.append(("location", sku))
        await asyncio.sleep(0.005)
        return f"shelf {sku[-1]}"

    async def reserve(self, sku: str, amount: int) -> str:
        effects.append(("reserve", sku, amount))
        await asyncio.sleep(0.01)
        return f"{amount} x {sku}"


warehouse = Warehouse()


async def order(sku: str) -> tuple:
    stock = await warehouse.stock(sku)
    location = await warehouse.location(sku)
    # From here on something changes.
    receipt = await warehouse.reserve(sku, stock)
    return stock, location, receipt


async def main():
    return await order("bolt-7")
