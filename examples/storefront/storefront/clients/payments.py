"""The payment provider."""

import logging
import time

import requests

from storefront.errors import PartnerError, PartnerUnavailable, PaymentDeclined

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
RETRY_DELAY = 0.05


class PaymentClient:
    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.headers.update({"X-Api-Key": api_key})

    async def charge(self, reference: str, cents: int, currency: str) -> str:
        """Take the money and return the payment's id."""
        payload = {"reference": reference, "amount": cents, "currency": currency}
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                response = self.session.post(
                    f"{self.base_url}/payments", json=payload, timeout=10
                )
            except requests.ConnectionError as error:
                raise PartnerUnavailable("payments cannot be reached") from error
            if response.status_code != 503:
                break
            logger.warning("payments are busy, attempt %d", attempt)
            time.sleep(RETRY_DELAY * attempt)
        if response.status_code == 402:
            raise PaymentDeclined(response.json()["reason"])
        if not response.ok:
            raise PartnerError(f"payments answered {response.status_code}")
        return response.json()["id"]

    async def refund(self, payment_id: str) -> None:
        try:
            response = self.session.post(
                f"{self.base_url}/payments/{payment_id}/refund", timeout=10
            )
            response.raise_for_status()
        except requests.RequestException as error:
            raise PartnerError(f"payment {payment_id} was not refunded") from error

    async def close(self) -> None:
        self.session.close()
