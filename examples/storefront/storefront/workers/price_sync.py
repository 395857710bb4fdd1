"""Keeps our prices at the supplier's."""

import asyncio
import logging

import httpx
from sqlalchemy import select

from storefront.clients.suppliers import fetch_items, page_sizes, supplier_status
from storefront.db import async_session
from storefront.errors import PartnerError, StorefrontError
from storefront.models import Product

logger = logging.getLogger(__name__)


async def sync_prices(base_url: str, changes: asyncio.Queue[str]) -> list[str]:
    """Take over changed prices and return the products they belong to."""
    async with async_session() as session:
        result = await session.execute(select(Product).order_by(Product.sku))
        products = result.scalars().all()
        items = await fetch_items(base_url, [product.sku for product in products])
        changed = []
        for product, item in zip(products, items):
            if product.price_cents != item["price_cents"]:
                product.price_cents = item["price_cents"]
                changed.append(product.sku)
        await session.commit()
    for sku in changed:
        await changes.put(sku)
    return changed


async def sync_prices_forever(
    base_url: str, interval: float, changes: asyncio.Queue[str]
) -> None:
    while True:
        try:
            await asyncio.sleep(interval)
            changed = await sync_prices(base_url, changes)
            logger.info("%d prices changed", len(changed))
        except asyncio.CancelledError:
            logger.info("price sync stopped")
            break
        except (StorefrontError, httpx.HTTPError):
            logger.exception("price sync failed")


async def supplier_healthy(base_url: str) -> bool:
    """Check that the supplier is up and has a catalogue."""
    healthy = True
    try:
        sizes, status = await asyncio.gather(
            page_sizes(base_url),
            supplier_status(base_url),
        )
        healthy = status == "up" and sum(sizes) > 0
    except PartnerError as error:
        logger.error("supplier check failed: %s", error)
        healthy = False
    return healthy
