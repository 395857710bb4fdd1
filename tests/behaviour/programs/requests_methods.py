# codemods: replace_requests_with_httpx
# level: any
"""A method whose class is used in a function inside a function."""

import requests


class Shop:
    def __init__(self, base: str) -> None:
        self.base = base

    async def price(self, sku: str) -> int:
        """The price, or -1 when the shop does not tell."""
        try:
            response = requests.get(f"{self.base}/bytes/{len(sku)}", timeout=3)
            response.raise_for_status()
        except (requests.HTTPError, requests.ConnectionError):
            return -1
        else:
            return len(response.content) * 10


async def main(base):
    async def cheapest(*skus: str) -> int:
        prices = []
        for sku in skus:
            prices.append(await Shop(base).price(sku))
        return min(prices)

    return await cheapest("bolt", "nut"), await Shop("http://127.0.0.1:1").price("x")
