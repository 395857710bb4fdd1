"""Reports for the back office."""

import asyncio
import csv
import io
import subprocess
from pathlib import Path

from storefront.clients.warehouse import WarehouseClient
from storefront.db import report_session
from storefront.errors import StorefrontError
from storefront.models import Product


async def low_stock(limit: int) -> list[dict]:
    with report_session() as session:
        products = (
            session.query(Product)
            .filter(Product.stock < limit)
            .order_by(Product.stock, Product.sku)
            .all()
        )
        return [{"sku": product.sku, "stock": product.stock} for product in products]


async def warehouse_stock(
    warehouse: WarehouseClient, skus: list[str]
) -> dict[str, int]:
    tasks = []
    for sku in skus:
        tasks.append(asyncio.create_task(warehouse.available(sku)))
    counts = await asyncio.gather(*tasks)
    return dict(zip(skus, counts))


def render_csv(rows: list[dict]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, ["sku", "stock"])
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


async def export_low_stock(directory: Path, limit: int) -> Path:
    """Write the low stock report as a compressed table."""
    rows = await low_stock(limit)
    loop = asyncio.get_event_loop()
    table = await loop.run_in_executor(None, render_csv, rows)
    try:
        result = subprocess.run(
            ["gzip", "-n", "-c"],
            input=table.encode(),
            capture_output=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise StorefrontError("the report was not compressed") from error
    path = directory / "low-stock.csv.gz"
    path.write_bytes(result.stdout)
    return path
