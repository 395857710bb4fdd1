"""The warehouse."""

import asyncio
import logging

import async_timeout
import httpx

from storefront.errors import PartnerError, PartnerUnavailable

logger = logging.getLogger(__name__)

AVAILABILITY_TIMEOUT = 1.0


class WarehouseClient:
    def __init__(self, base_url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=30.0,
            headers={"User-Agent": "storefront/1.4"},
        )

    async def available(self, sku: str) -> int:
        """Return how many pieces are on the shelves."""
        try:
            answer = await asyncio.wait_for(
                self._get(f"/warehouse/{sku}"), timeout=AVAILABILITY_TIMEOUT
            )
        except asyncio.TimeoutError:
            logger.error("the warehouse is too slow for %s", sku)
            raise PartnerUnavailable("the warehouse does not answer") from None
        return answer["available"]

    async def restock_date(self, sku: str) -> str | None:
        """Return the day of the next delivery, if it can be had quickly."""
        try:
            async with async_timeout.timeout(1.0):
                answer = await self._get(f"/warehouse/{sku}/deliveries")
        except (asyncio.TimeoutError, PartnerError):
            return None
        return answer["next"]

    async def _get(self, path: str) -> dict:
        try:
            response = await self._client.get(path)
        except httpx.TransportError as error:
            raise PartnerUnavailable("the warehouse cannot be reached") from error
        if response.status_code != 200:
            raise PartnerError(f"the warehouse answered {response.status_code}")
        return response.json()
