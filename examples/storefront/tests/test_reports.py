import gzip
from pathlib import Path

import httpx
from upstream import Partners

LAMP = {"email": "ada@example.com", "lines": [{"sku": "lamp", "quantity": 1}]}


async def test_dashboard(shop: httpx.AsyncClient) -> None:
    await shop.post("/orders", json=LAMP)
    response = await shop.get("/reports/dashboard")
    assert response.json() == {
        "products": ["desk", "lamp", "mug"],
        "orders": ["SF-00001"],
        "supplier": "up",
    }


async def test_dashboard_without_supplier(
    shop: httpx.AsyncClient, partners: Partners
) -> None:
    partners.plan("GET", "/supplier/status", 500)
    response = await shop.get("/reports/dashboard")
    assert response.status_code == 502


async def test_sales(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/reports/sales")
    assert response.json() == {"orders": 0, "total_cents": 0, "pieces": {}}
    for _ in range(2):
        await shop.post("/orders", json=LAMP)
    response = await shop.get("/reports/sales")
    assert response.json() == {"orders": 2, "total_cents": 5000, "pieces": {"lamp": 2}}


async def test_low_stock(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/reports/low-stock?limit=10")
    assert response.json() == [
        {"sku": "lamp", "stock": 3},
        {"sku": "desk", "stock": 9},
    ]


async def test_exports_low_stock(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/reports/low-stock/export?limit=10")
    assert response.headers["content-type"] == "application/gzip"
    table = gzip.decompress(response.content).decode()
    assert table.splitlines() == ["sku,stock", "lamp,3", "desk,9"]


async def test_stock_check(shop: httpx.AsyncClient) -> None:
    response = await shop.get("/reports/stock-check?limit=10")
    assert response.json() == {"lamp": 4, "desk": 4}


async def test_notice(shop: httpx.AsyncClient, documents: Path) -> None:
    response = await shop.get("/reports/notice")
    assert response.json() == {"notice": None}
    (documents / "notice.txt").write_text("Closed on Sunday\n")
    response = await shop.get("/reports/notice")
    assert response.json() == {"notice": "Closed on Sunday"}


async def test_supplier_health(shop: httpx.AsyncClient, partners: Partners) -> None:
    response = await shop.get("/reports/supplier")
    assert response.json() == {"healthy": True}
    partners.plan("GET", "/supplier/products?page=2", 500)
    response = await shop.get("/reports/supplier")
    assert response.json() == {"healthy": False}


async def test_digest(shop: httpx.AsyncClient, partners: Partners) -> None:
    await shop.post("/orders", json=LAMP)
    await shop.post("/orders/1/cancel")
    response = await shop.post("/reports/digest")
    assert response.json() == {"lines": 2}
    assert partners.bodies("/notifications/digest") == [
        {"text": "SF-00001 placed\nSF-00001 cancelled"}
    ]
    response = await shop.post("/reports/digest")
    assert response.json() == {"lines": 0}
