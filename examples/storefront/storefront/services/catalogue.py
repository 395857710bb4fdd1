"""Figures about the catalogue, for the dashboard."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from storefront.clients.suppliers import supplier_status
from storefront.db import async_session
from storefront.models import Order, OrderLine, Product


async def fetch_products() -> list[str]:
    async with async_session() as session:
        result = await session.execute(select(Product.sku).order_by(Product.sku))
        return list(result.scalars().all())


async def fetch_order_numbers() -> list[str]:
    async with async_session() as session:
        result = await session.execute(select(Order.number).order_by(Order.id))
        return list(result.scalars().all())


async def dashboard(partner_url: str) -> dict:
    products = await fetch_products()
    orders = await fetch_order_numbers()
    supplier = await supplier_status(partner_url)
    return {"products": products, "orders": orders, "supplier": supplier}


async def turnover(session: AsyncSession) -> dict[str, int]:
    orders = await session.scalar(select(func.count()).select_from(Order))
    cents = await session.scalar(select(func.sum(Order.total_cents)))
    return {"orders": orders or 0, "total_cents": cents or 0}


async def pieces_sold(session: AsyncSession) -> dict[str, int]:
    rows = await session.run_sync(
        lambda sync_session: (
            sync_session.query(OrderLine.sku, func.sum(OrderLine.quantity))
            .group_by(OrderLine.sku)
            .order_by(OrderLine.sku)
            .all()
        )
    )
    return {sku: quantity for sku, quantity in rows}
