"""New products from the supplier's catalogue."""

import asyncio
import logging

from storefront.clients.suppliers import fetch_item
from storefront.db import async_session
from storefront.errors import NotFound, PartnerError
from storefront.models import Product

logger = logging.getLogger(__name__)


async def import_product(base_url: str, sku: str) -> str:
    item = await fetch_item(base_url, sku)
    async with async_session() as session:
        await session.merge(
            Product(sku=sku, name=item["name"], price_cents=item["price_cents"])
        )
        await session.commit()
    return sku


async def import_products(base_url: str, skus: list[str]) -> list[str]:
    results = []

    async with asyncio.TaskGroup() as tg:
        for sku in skus:
            tg.create_task(import_product(base_url, sku))

    return results


async def import_all(base_url: str, skus: list[str]) -> bool:
    """Import what the supplier knows; tell whether that was everything."""
    complete = True
    try:
        imported = await import_products(base_url, skus)
        logger.info("imported %s", imported)
    except* NotFound as group:
        complete = False
        for error in group.exceptions:
            logger.error("not imported: %s", error)
    except* PartnerError as group:
        complete = False
        for error in group.exceptions:
            logger.error("supplier failed: %s", error)
    return complete
