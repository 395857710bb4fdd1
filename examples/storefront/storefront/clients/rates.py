"""Exchange rates."""

import threading
from decimal import Decimal

import requests

from storefront.errors import NotFound, PartnerError, PartnerUnavailable


class RateClient:
    """Asks the bank once per currency and keeps the answer."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._rates: dict[str, Decimal] = {"USD": Decimal(1)}
        self._lock = threading.Lock()

    async def rate(self, currency: str) -> Decimal:
        with self._lock:
            if currency not in self._rates:
                self._rates[currency] = await self._fetch(currency)
            return self._rates[currency]

    async def convert(self, cents: int, currency: str) -> int:
        return int(cents * await self.rate(currency))

    async def _fetch(self, currency: str) -> Decimal:
        url = f"{self.base_url}/rates/{currency}"
        try:
            response = requests.get(url, headers={"Accept": "application/json"})
            if response.status_code == 404:
                raise NotFound(f"no exchange rate for {currency}")
            response.raise_for_status()
        except requests.HTTPError as error:
            raise PartnerError(f"no usable exchange rate for {currency}") from error
        except requests.RequestException as error:
            raise PartnerUnavailable("the rates cannot be reached") from error
        return Decimal(response.json()["rate"])
