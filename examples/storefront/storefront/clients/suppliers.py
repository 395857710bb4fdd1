"""The supplier's catalogue."""

import asyncio
from typing import Iterator

import httpx

from storefront.errors import NotFound, PartnerError


async def fetch_pages(base_url: str) -> Iterator[list[dict]]:
    """Yield the supplier's products page by page."""
    path = "/supplier/products?page=1"
    while path:
        client = httpx.AsyncClient(base_url=base_url)
        try:
            response = await client.get(path)
        finally:
            await client.aclose()
        if response.status_code != 200:
            raise PartnerError(f"the supplier answered {response.status_code}")
        body = response.json()
        yield body["items"]
        path = body["next"]


async def all_skus(base_url: str) -> list[str]:
    skus = []
    async for page in fetch_pages(base_url):
        skus.extend(item["sku"] for item in page)
    return skus


async def page_sizes(base_url: str) -> list[int]:
    sizes = []
    async for page in fetch_pages(base_url):
        sizes.append(len(page))
    return sizes


async def fetch_item(base_url: str, sku: str) -> dict:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{base_url}/supplier/products/{sku}")
    if response.status_code == 404:
        raise NotFound(f"the supplier does not know {sku}")
    if response.status_code != 200:
        raise PartnerError(f"the supplier answered {response.status_code}")
    return response.json()


async def fetch_items(base_url: str, skus: list[str]) -> list[dict]:
    return await asyncio.gather(*[fetch_item(base_url, sku) for sku in skus])


async def supplier_status(base_url: str) -> str:
    response = httpx.get(f"{base_url}/supplier/status", timeout=5)
    if response.status_code != 200:
        raise PartnerError(f"the supplier answered {response.status_code}")
    return response.json()["status"]
