"""The application: routers, error answers, start and stop."""

import asyncio
import logging

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from storefront import db
from storefront.background import BackgroundTasks
from storefront.clients.payments import PaymentClient
from storefront.clients.rates import RateClient
from storefront.clients.warehouse import WarehouseClient
from storefront.config import load_settings
from storefront.consumers.stock_events import StockEventConsumer
from storefront.errors import StorefrontError
from storefront.handlers import orders, products, reports
from storefront.services.checkout import OrderNumbers
from storefront.services.notifications import Notifier
from storefront.services.stock import StockReservations
from storefront.workers.price_sync import sync_prices_forever

logger = logging.getLogger(__name__)

app = FastAPI(title="Storefront")
app.include_router(products.router)
app.include_router(orders.router)
app.include_router(reports.router)


@app.exception_handler(StorefrontError)
async def storefront_error(request: Request, error: StorefrontError) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, status_code=error.status)


@app.on_event("startup")
async def startup() -> None:
    settings = load_settings()
    settings.documents.mkdir(parents=True, exist_ok=True)
    await db.connect(settings.database)
    state = app.state
    state.settings = settings
    state.background = BackgroundTasks()
    state.rates = RateClient(settings.partner_url)
    state.payments = PaymentClient(settings.partner_url, settings.payment_key)
    state.warehouse = WarehouseClient(settings.partner_url)
    state.notifier = Notifier(settings.partner_url)
    state.reservations = StockReservations()
    state.numbers = OrderNumbers("SF")
    state.stock_events = StockEventConsumer()
    await state.stock_events.start()
    state.price_changes = asyncio.Queue()
    state.price_sync = asyncio.ensure_future(
        sync_prices_forever(
            settings.partner_url, settings.sync_interval, state.price_changes
        )
    )


@app.on_event("shutdown")
async def shutdown() -> None:
    state = app.state
    await state.background.shutdown()
    await state.stock_events.stop()
    state.price_sync.cancel()
    await asyncio.gather(state.price_sync, return_exceptions=True)
    await state.payments.close()
    await db.disconnect()
    logger.info("storefront stopped")
