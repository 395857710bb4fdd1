import asyncio

import httpx
from upstream import Partners

from storefront.clients.rates import RateClient


async def test_lists_products(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/products")
    assert response.status_code == 200
    assert [product["sku"] for product in response.json()] == ["desk", "lamp", "mug"]
    assert response.json()[1] == {
        "sku": "lamp",
        "name": "Lamp",
        "price_cents": 2500,
        "stock": 3,
    }


async def test_converts_prices(shop: httpx.AsyncClient, partners: Partners) -> None:
    response = await shop.get("/products/lamp", params={"currency": "EUR"})
    assert response.json() == {
        "sku": "lamp",
        "name": "Lamp",
        "price": 1250,
        "currency": "EUR",
    }
    [call] = partners.calls
    assert call.path == "/rates/EUR"
    assert call.headers["accept"] == "application/json"


async def test_home_prices_need_no_rate(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    response = await shop.get("/products/mug")
    assert response.json()["price"] == 900
    assert partners.calls == []


async def test_unknown_product_and_currency(shop: httpx.AsyncClient) -> None:
    for path in ["/products/sofa", "/products/mug?currency=XXX"]:
        response = await shop.get(path)
        assert response.status_code == 404
    assert response.json() == {"detail": "no exchange rate for XXX"}


async def test_failing_rates(shop: httpx.AsyncClient, partners: Partners) -> None:
    partners.plan("GET", "/rates/EUR", 500)
    response = await shop.get("/products/lamp?currency=EUR")
    assert response.status_code == 502
    partners.stop()
    response = await shop.get("/products/lamp?currency=GBP")
    assert response.status_code == 503
    assert response.json() == {"detail": "the rates cannot be reached"}


async def test_a_rate_is_fetched_once(partners: Partners) -> None:
    rates = RateClient(partners.url)
    async with asyncio.timeout(10):
        prices = await asyncio.gather(
            *[rates.convert(cents, "EUR") for cents in range(0, 500, 100)]
        )
    assert prices == [0, 50, 100, 150, 200]
    assert partners.count("GET", "/rates/EUR") == 1


async def test_image(shop: httpx.AsyncClient, partners: Partners) -> None:
    response = await shop.get("/products/lamp/image")
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.content == b"\x89PNG lamp"


async def test_missing_and_failing_images(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    response = await shop.get("/products/mug/image")
    assert response.status_code == 404
    partners.plan("GET", "/images/lamp.png", 500)
    response = await shop.get("/products/lamp/image")
    assert response.status_code == 502
    assert response.json() == {"detail": "the images answered Internal Server Error"}
    partners.stop()
    response = await shop.get("/products/lamp/image")
    assert response.status_code == 503


async def test_availability(shop: httpx.AsyncClient, partners: Partners) -> None:
    response = await shop.get("/products/lamp/availability")
    assert response.json() == {"available": 4, "restock_date": "2030-01-15"}
    assert {call.headers["user-agent"] for call in partners.calls} == {"storefront/1.4"}


async def test_slow_warehouse(shop: httpx.AsyncClient, partners: Partners) -> None:
    partners.stall("/warehouse/lamp")
    response = await shop.get("/products/lamp/availability")
    assert response.status_code == 503
    assert response.json() == {"detail": "the warehouse does not answer"}


async def test_slow_deliveries(shop: httpx.AsyncClient, partners: Partners) -> None:
    partners.stall("/warehouse/lamp/deliveries")
    response = await shop.get("/products/lamp/availability")
    assert response.json() == {"available": 4, "restock_date": None}
    partners.plan("GET", "/warehouse/mug/deliveries", 500)
    response = await shop.get("/products/mug/availability")
    assert response.json() == {"available": 3, "restock_date": None}


async def test_delivery_quote(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/products/delivery?country=US&grams=1200")
    assert response.json() == {"fee": 790, "days": 2, "tax": 8}
    response = await shop.get("/products/delivery?country=CH&grams=1000")
    assert response.json() == {"fee": 1090, "days": 7, "tax": 0}


async def test_compares_fees_in_order(shop: httpx.AsyncClient) -> None:
    response = await shop.post(
        "/products/delivery/compare?grams=500", json=["CH", "US", "FR"]
    )
    assert response.json() == [1090, 640, 1090]
