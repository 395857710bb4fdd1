"""The back office: figures, reports, and the health of our partners."""

import asyncio

from fastapi import APIRouter, Depends
from fastapi.responses import FileResponse
from sqlalchemy.ext.asyncio import AsyncSession

from storefront.clients.warehouse import WarehouseClient
from storefront.config import Settings
from storefront.consumers.price_changes import collect_batch
from storefront.db import get_db
from storefront.dependencies import (
    get_notifier,
    get_price_changes,
    get_settings,
    get_warehouse,
)
from storefront.services import catalogue, documents
from storefront.services.notifications import Notifier
from storefront.workers import price_sync, reports

router = APIRouter(prefix="/reports", tags=["reports"])


@router.get("/dashboard")
async def dashboard(settings: Settings = Depends(get_settings)) -> dict:
    return await catalogue.dashboard(settings.partner_url)


@router.get("/sales")
async def sales(session: AsyncSession = Depends(get_db)) -> dict:
    turnover = await catalogue.turnover(session)
    pieces = await catalogue.pieces_sold(session)
    return {**turnover, "pieces": pieces}


@router.get("/low-stock")
async def low_stock(limit: int = 5) -> list[dict]:
    return await reports.low_stock(limit)


@router.get("/low-stock/export")
async def export_low_stock(
    limit: int = 5, settings: Settings = Depends(get_settings)
) -> FileResponse:
    path = await reports.export_low_stock(settings.documents, limit)
    return FileResponse(path, media_type="application/gzip")


@router.get("/audit")
async def audit(settings: Settings = Depends(get_settings)) -> list[dict]:
    return await documents.read_audit(settings.documents)


@router.get("/notice")
async def notice(settings: Settings = Depends(get_settings)) -> dict:
    path = settings.documents / "notice.txt"
    if not path.exists():
        return {"notice": None}
    return {"notice": path.read_text(encoding="utf-8").strip()}


@router.get("/supplier")
async def supplier(settings: Settings = Depends(get_settings)) -> dict:
    return {"healthy": await price_sync.supplier_healthy(settings.partner_url)}


@router.get("/stock-check")
async def stock_check(
    limit: int = 5, warehouse: WarehouseClient = Depends(get_warehouse)
) -> dict[str, int]:
    rows = await reports.low_stock(limit)
    return await reports.warehouse_stock(warehouse, [row["sku"] for row in rows])


@router.post("/prices")
async def update_prices(
    settings: Settings = Depends(get_settings),
    changes: asyncio.Queue = Depends(get_price_changes),
) -> dict:
    return {"changed": await price_sync.sync_prices(settings.partner_url, changes)}


@router.get("/prices/changes")
async def price_changes(
    size: int = 20, changes: asyncio.Queue = Depends(get_price_changes)
) -> list[str]:
    return await collect_batch(changes, size)


@router.post("/digest")
async def digest(notifier: Notifier = Depends(get_notifier)) -> dict:
    return {"lines": await notifier.send_digest()}
