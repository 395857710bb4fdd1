"""Jobs that are started by hand: `python -m storefront.workers.maintenance`."""

import asyncio
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import delete, func, select

from storefront import db
from storefront.clients.suppliers import fetch_pages
from storefront.config import load_settings
from storefront.models import Order, Product, StockMovement


@contextmanager
async def reading_session():
    session = db.async_session()
    try:
        yield session
    finally:
        await session.close()


class MaintenanceNotice:
    """Leaves a notice for the web server while a job runs."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "maintenance"

    async def __enter__(self) -> Path:
        self.path.touch()
        return self.path

    async def __exit__(self, exc_type, exc_value, traceback) -> None:
        self.path.unlink()


async def count_products() -> int:
    with reading_session() as session:
        return await session.scalar(select(func.count()).select_from(Product))


async def purge_movements() -> None:
    """Forget the stock movements."""
    async with db.async_session() as session:
        await session.execute(delete(StockMovement))
        session.commit()


async def close_orders(directory: Path) -> bool:
    """Close all paid orders; tell whether the notice was up meanwhile."""
    with MaintenanceNotice(directory):
        announced = (directory / "maintenance").exists()
        async with db.async_session() as session:
            result = await session.execute(select(Order).where(Order.status == "paid"))
            for order in result.scalars():
                order.status = "closed"
            await session.commit()
    return announced


async def supplier_catalogue(base_url: str) -> list[str]:
    skus = []
    for page in fetch_pages(base_url):
        for item in page:
            skus.append(item["sku"])
    return skus


async def main() -> None:
    settings = load_settings()
    await db.connect(settings.database)
    await purge_movements()
    await close_orders(settings.documents)
    print(await count_products(), "products")
    print(await supplier_catalogue(settings.partner_url))
    await db.disconnect()


if __name__ == "__main__":
    loop = asyncio.get_event_loop()
    loop.run_until_complete(main())
