"""Orders."""

import asyncio

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from sqlalchemy.ext.asyncio import AsyncSession

from storefront.background import BackgroundTasks
from storefront.clients.payments import PaymentClient
from storefront.clients.rates import RateClient
from storefront.config import Settings
from storefront.consumers.stock_events import StockEventConsumer
from storefront.db import get_db
from storefront.dependencies import (
    get_background,
    get_notifier,
    get_numbers,
    get_payments,
    get_rates,
    get_reservations,
    get_settings,
    get_stock_events,
)
from storefront.schemas import OrderIn, OrderOut
from storefront.services import checkout, documents
from storefront.services.notifications import Notifier
from storefront.services.stock import StockReservations

router = APIRouter(prefix="/orders", tags=["orders"])


@router.post("", status_code=201, response_model=OrderOut)
async def create_order(
    basket: OrderIn,
    session: AsyncSession = Depends(get_db),
    rates: RateClient = Depends(get_rates),
    payments: PaymentClient = Depends(get_payments),
    reservations: StockReservations = Depends(get_reservations),
    numbers: checkout.OrderNumbers = Depends(get_numbers),
    notifier: Notifier = Depends(get_notifier),
    stock_events: StockEventConsumer = Depends(get_stock_events),
    settings: Settings = Depends(get_settings),
):
    order = await checkout.place_order(
        session, basket, rates, payments, reservations, numbers
    )
    for line in basket.lines:
        await stock_events.publish(line.sku, -line.quantity, order.number)
    await documents.store_invoice(settings.documents, order.number, order.total_cents)
    asyncio.create_task(notifier.order_placed(order.number))
    return order


@router.get("/{order_id}", response_model=OrderOut)
async def show_order(order_id: int, session: AsyncSession = Depends(get_db)):
    return await checkout.load_order(session, order_id)


@router.post("/{order_id}/cancel", response_model=OrderOut)
async def cancel_order(
    order_id: int,
    session: AsyncSession = Depends(get_db),
    payments: PaymentClient = Depends(get_payments),
    notifier: Notifier = Depends(get_notifier),
    background: BackgroundTasks = Depends(get_background),
    stock_events: StockEventConsumer = Depends(get_stock_events),
    settings: Settings = Depends(get_settings),
):
    order = await checkout.load_order(session, order_id)
    await checkout.cancel_order(session, order, payments)
    for line in order.lines:
        await stock_events.publish(line.sku, line.quantity, order.number)
    documents.record(settings.documents, "cancelled", order.number)
    background.add_task(notifier.order_cancelled(order.number, order.email))
    return order


@router.get("/{number}/invoice", response_class=PlainTextResponse)
async def invoice(number: str, settings: Settings = Depends(get_settings)) -> str:
    return await documents.load_invoice(settings.documents, number)
