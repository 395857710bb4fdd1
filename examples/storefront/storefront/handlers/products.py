"""Products."""

import requests
from fastapi import APIRouter, Depends, HTTPException, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storefront.clients.rates import RateClient
from storefront.clients.warehouse import WarehouseClient
from storefront.config import Settings
from storefront.db import get_db
from storefront.dependencies import get_rates, get_settings, get_warehouse
from storefront.errors import NotFound
from storefront.models import Product
from storefront.schemas import ImportIn, ProductOut
from storefront.services.pricing import compare_fees, delivery_quote
from storefront.workers.imports import import_all

router = APIRouter(prefix="/products", tags=["products"])


@router.get("", response_model=list[ProductOut])
async def list_products(session: AsyncSession = Depends(get_db)):
    result = await session.execute(select(Product).order_by(Product.sku))
    return result.scalars().all()


@router.get("/delivery")
async def delivery(country: str, grams: int) -> dict:
    quote = await delivery_quote(country, grams)
    return {"fee": quote.fee_cents, "days": quote.days, "tax": quote.tax_percent}


@router.post("/delivery/compare")
async def delivery_fees(countries: list[str], grams: int) -> list[int]:
    return await compare_fees(countries, grams)


@router.post("/import")
async def import_from_supplier(
    body: ImportIn, settings: Settings = Depends(get_settings)
) -> dict:
    return {"complete": await import_all(settings.partner_url, body.skus)}


@router.get("/{sku}")
async def show_product(
    sku: str,
    currency: str = "USD",
    session: AsyncSession = Depends(get_db),
    rates: RateClient = Depends(get_rates),
) -> dict:
    product = await session.get(Product, sku)
    if product is None:
        raise NotFound(f"no product {sku}")
    price = await rates.convert(product.price_cents, currency)
    return {"sku": sku, "name": product.name, "price": price, "currency": currency}


@router.get("/{sku}/availability")
async def availability(
    sku: str, warehouse: WarehouseClient = Depends(get_warehouse)
) -> dict:
    available = await warehouse.available(sku)
    restock_date = await warehouse.restock_date(sku)
    return {"available": available, "restock_date": restock_date}


@router.get("/{sku}/image")
async def product_image(
    sku: str, settings: Settings = Depends(get_settings)
) -> Response:
    try:
        image = requests.get(f"{settings.partner_url}/images/{sku}.png", timeout=5)
    except requests.RequestException:
        raise HTTPException(503, "the images cannot be reached")
    if image.status_code == 404:
        raise NotFound(f"no image of {sku}")
    if not image.ok:
        raise HTTPException(502, f"the images answered {image.reason}")
    return Response(image.content, media_type=image.headers["Content-Type"])
