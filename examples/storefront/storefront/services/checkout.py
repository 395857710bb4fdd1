"""From a basket to a paid order."""

import asyncio

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from storefront.clients.payments import PaymentClient
from storefront.clients.rates import RateClient
from storefront.db import async_session
from storefront.errors import NotFound
from storefront.models import Order, OrderLine, Product
from storefront.schemas import OrderIn
from storefront.services.stock import StockReservations


class OrderNumbers:
    """Hands out consecutive order numbers."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._last = 0
        self._lock = asyncio.Lock()

    async def next(self) -> str:
        await self._lock.acquire()
        try:
            if self._last == 0:
                self._last = await self._last_id()
            self._last += 1
            return f"{self.prefix}-{self._last:05d}"
        finally:
            self._lock.release()

    async def _last_id(self) -> int:
        session = async_session()
        try:
            last = await session.scalar(select(func.max(Order.id)))
        finally:
            await session.close()
        return last or 0


async def find_products(session: AsyncSession, skus: list[str]) -> dict[str, Product]:
    result = await session.execute(select(Product).where(Product.sku.in_(skus)))
    products = {product.sku: product for product in result.scalars()}
    for sku in skus:
        if sku not in products:
            raise NotFound(f"no product {sku}")
    return products


async def place_order(
    session: AsyncSession,
    basket: OrderIn,
    rates: RateClient,
    payments: PaymentClient,
    reservations: StockReservations,
    numbers: OrderNumbers,
) -> Order:
    products = await find_products(session, [line.sku for line in basket.lines])
    total = sum(products[line.sku].price_cents * line.quantity for line in basket.lines)
    total = await rates.convert(total, basket.currency)
    held = []
    try:
        for line in basket.lines:
            await reservations.hold(line.sku, line.quantity)
            held.append(line)
        number = await numbers.next()
        payment_id = await payments.charge(number, total, basket.currency)
        order = Order(
            number=number,
            email=basket.email,
            total_cents=total,
            currency=basket.currency,
            payment_id=payment_id,
        )
        for line in basket.lines:
            order.lines.append(OrderLine(sku=line.sku, quantity=line.quantity))
            products[line.sku].stock -= line.quantity
        session.add(order)
        await session.commit()
    finally:
        for line in held:
            await reservations.release(line.sku, line.quantity)
    return order


async def load_order(session: AsyncSession, order_id: int) -> Order:
    result = await session.execute(
        select(Order).options(selectinload(Order.lines)).where(Order.id == order_id)
    )
    order = result.scalar_one_or_none()
    if order is None:
        raise NotFound(f"no order {order_id}")
    return order


async def cancel_order(
    session: AsyncSession, order: Order, payments: PaymentClient
) -> None:
    await payments.refund(order.payment_id)
    products = await find_products(session, [line.sku for line in order.lines])
    for line in order.lines:
        products[line.sku].stock += line.quantity
    order.status = "cancelled"
    await session.commit()
