"""Stock on hand and quantities held for orders that are not paid yet."""

import threading

from sqlalchemy import select

from storefront.db import async_session
from storefront.errors import NotFound, OutOfStock
from storefront.models import Product


async def stock_on_hand(sku: str) -> int:
    async with async_session() as session:
        result = await session.execute(select(Product.stock).where(Product.sku == sku))
        stock = result.scalar_one_or_none()
    if stock is None:
        raise NotFound(f"no product {sku}")
    return stock


class StockReservations:
    def __init__(self) -> None:
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()

    async def hold(self, sku: str, quantity: int) -> None:
        with self._lock:
            held = self._held.get(sku, 0)
            if await stock_on_hand(sku) - held < quantity:
                raise OutOfStock(f"not enough {sku} in stock")
            self._held[sku] = held + quantity

    async def release(self, sku: str, quantity: int) -> None:
        with self._lock:
            self._held[sku] = self._held.get(sku, 0) - quantity

    async def held(self, sku: str) -> int:
        with self._lock:
            return self._held.get(sku, 0)
