import asyncio

import httpx
from conftest import eventually
from sqlalchemy import select
from upstream import Partners

from storefront.db import async_session
from storefront.main import app
from storefront.models import Product, StockMovement
from storefront.services.checkout import OrderNumbers

BASKET = {
    "email": "ada@example.com",
    "lines": [{"sku": "lamp", "quantity": 2}, {"sku": "mug", "quantity": 1}],
}


def one_line(sku: str, quantity: int, **fields) -> dict:
    line = {"sku": sku, "quantity": quantity}
    return {"email": "ada@example.com", "lines": [line], **fields}


async def stock() -> dict[str, int]:
    async with async_session() as session:
        result = await session.execute(select(Product))
        return {product.sku: product.stock for product in result.scalars()}


async def movements() -> list[tuple[str, int, str]]:
    await app.state.stock_events.wait_until_stored()
    async with async_session() as session:
        result = await session.execute(select(StockMovement).order_by(StockMovement.id))
        return [(row.sku, row.delta, row.reason) for row in result.scalars()]


async def test_places_an_order(shop: httpx.AsyncClient, partners: Partners) -> None:
    response = await shop.post("/orders", json=BASKET)
    assert response.status_code == 201
    order = response.json()
    assert order == {
        "id": 1,
        "number": "SF-00001",
        "status": "paid",
        "total_cents": 5900,
        "currency": "USD",
    }
    response = await shop.get("/orders/1")
    assert response.json() == order
    assert await stock() == {"desk": 9, "lamp": 1, "mug": 49}
    assert await movements() == [("lamp", -2, "SF-00001"), ("mug", -1, "SF-00001")]
    assert partners.bodies("/payments") == [
        {"reference": "SF-00001", "amount": 5900, "currency": "USD"}
    ]
    [payment] = [call for call in partners.calls if call.path == "/payments"]
    assert payment.headers["x-api-key"] == "secret"


async def test_pays_in_another_currency(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    response = await shop.post("/orders", json=one_line("mug", 2, currency="GBP"))
    assert response.json()["total_cents"] == 450
    assert partners.bodies("/payments")[0]["currency"] == "GBP"


async def test_announces_an_order(shop: httpx.AsyncClient, partners: Partners) -> None:
    partners.plan("POST", "/notifications/sms", 500)
    await shop.post("/orders", json=BASKET)
    for channel in ["email", "sms", "warehouse"]:
        path = f"/notifications/{channel}"
        await eventually(lambda: partners.bodies(path))
        assert partners.bodies(path) == [{"text": "order SF-00001 placed"}]


async def test_writes_an_invoice(shop: httpx.AsyncClient) -> None:
    await shop.post("/orders", json=BASKET)
    response = await shop.get("/orders/SF-00001/invoice")
    assert response.text == "Invoice SF-00001\nTotal: 59.00\n"
    response = await shop.get("/orders/SF-00002/invoice")
    assert response.status_code == 404


async def test_out_of_stock(shop: httpx.AsyncClient, partners: Partners) -> None:
    basket = {
        "email": "ada@example.com",
        "lines": [{"sku": "mug", "quantity": 1}, {"sku": "lamp", "quantity": 4}],
    }
    response = await shop.post("/orders", json=basket)
    assert response.status_code == 409
    assert response.json() == {"detail": "not enough lamp in stock"}
    assert partners.calls == []
    assert await stock() == {"desk": 9, "lamp": 3, "mug": 50}
    assert await app.state.reservations.held("mug") == 0


async def test_unknown_products_and_orders(shop: httpx.AsyncClient) -> None:
    response = await shop.post("/orders", json=one_line("sofa", 1))
    assert response.status_code == 404
    response = await shop.get("/orders/17")
    assert response.status_code == 404


async def test_declined_payment(shop: httpx.AsyncClient) -> None:
    response = await shop.post("/orders", json=one_line("desk", 2))
    assert response.status_code == 402
    assert response.json() == {"detail": "limit exceeded"}
    assert (await stock())["desk"] == 9
    assert await app.state.reservations.held("desk") == 0


async def test_busy_payments_are_tried_again(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    partners.plan("POST", "/payments", 503, 503)
    response = await shop.post("/orders", json=one_line("mug", 1))
    assert response.status_code == 201
    assert partners.count("POST", "/payments") == 3


async def test_failing_payments(shop: httpx.AsyncClient, partners: Partners) -> None:
    partners.plan("POST", "/payments", 503, 503, 503, 500)
    for attempts in [3, 4]:
        response = await shop.post("/orders", json=one_line("mug", 1))
        assert response.status_code == 502
        assert partners.count("POST", "/payments") == attempts
    partners.stop()
    response = await shop.post("/orders", json=one_line("mug", 1))
    assert response.status_code == 503
    assert (await stock())["mug"] == 50


async def test_cancels_an_order(shop: httpx.AsyncClient, partners: Partners) -> None:
    await shop.post("/orders", json=BASKET)
    response = await shop.post("/orders/1/cancel")
    assert response.json()["status"] == "cancelled"
    assert await stock() == {"desk": 9, "lamp": 3, "mug": 50}
    assert (await movements())[2:] == [("lamp", 2, "SF-00001"), ("mug", 1, "SF-00001")]
    refunds = [call.path for call in partners.calls if call.path.endswith("/refund")]
    assert len(refunds) == 1
    await app.state.background.drain()
    assert {"text": "order SF-00001 cancelled, ada@example.com"} in partners.bodies(
        "/notifications/email"
    )
    response = await shop.get("/reports/audit")
    assert response.json() == [
        {"event": "invoiced", "order": "SF-00001"},
        {"event": "cancelled", "order": "SF-00001"},
    ]


async def test_order_stays_when_the_refund_fails(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    await shop.post("/orders", json=one_line("lamp", 1))
    [payment] = [call for call in partners.calls if call.path == "/payments"]
    number = partners.calls.index(payment) + 1
    partners.plan("POST", f"/payments/pay-{number}/refund", 500)
    response = await shop.post("/orders/1/cancel")
    assert response.status_code == 502
    response = await shop.get("/orders/1")
    assert response.json()["status"] == "paid"
    assert (await stock())["lamp"] == 2


async def test_order_numbers_are_unique(shop: httpx.AsyncClient) -> None:
    numbers = OrderNumbers("T")
    given = await asyncio.gather(*[numbers.next() for _ in range(20)])
    assert sorted(given) == [f"T-{number:05d}" for number in range(1, 21)]
