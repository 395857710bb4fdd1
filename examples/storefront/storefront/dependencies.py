"""What the handlers get from the application's state."""

import asyncio

from fastapi import Request

from storefront.background import BackgroundTasks
from storefront.clients.payments import PaymentClient
from storefront.clients.rates import RateClient
from storefront.clients.warehouse import WarehouseClient
from storefront.config import Settings
from storefront.consumers.stock_events import StockEventConsumer
from storefront.services.checkout import OrderNumbers
from storefront.services.notifications import Notifier
from storefront.services.stock import StockReservations


def get_settings(request: Request) -> Settings:
    return request.app.state.settings


def get_rates(request: Request) -> RateClient:
    return request.app.state.rates


def get_payments(request: Request) -> PaymentClient:
    return request.app.state.payments


def get_warehouse(request: Request) -> WarehouseClient:
    return request.app.state.warehouse


def get_notifier(request: Request) -> Notifier:
    return request.app.state.notifier


def get_background(request: Request) -> BackgroundTasks:
    return request.app.state.background


def get_reservations(request: Request) -> StockReservations:
    return request.app.state.reservations


def get_numbers(request: Request) -> OrderNumbers:
    return request.app.state.numbers


def get_stock_events(request: Request) -> StockEventConsumer:
    return request.app.state.stock_events


def get_price_changes(request: Request) -> asyncio.Queue[str]:
    return request.app.state.price_changes
