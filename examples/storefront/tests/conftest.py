import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest
from asgi_lifespan import LifespanManager
from upstream import Partners

from storefront import db
from storefront.main import app
from storefront.models import Product

STOCK = [
    Product(sku="desk", name="Desk", price_cents=60_000, stock=9),
    Product(sku="lamp", name="Lamp", price_cents=2500, stock=3),
    Product(sku="mug", name="Mug", price_cents=900, stock=50),
]


async def eventually(condition: Callable[[], bool]) -> None:
    """Give the work that goes on in the background the time that it needs."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def running() -> LifespanManager:
    """Start the application, and stop it at the end of the block."""
    return LifespanManager(app, startup_timeout=30, shutdown_timeout=30)


@pytest.fixture
def partners() -> Iterator[Partners]:
    server = Partners()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    return tmp_path / "documents"


@pytest.fixture
def settings(
    tmp_path: Path,
    documents: Path,
    partners: Partners,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("STOREFRONT_DATABASE", str(tmp_path / "shop.db"))
    monkeypatch.setenv("STOREFRONT_DOCUMENTS", str(documents))
    monkeypatch.setenv("STOREFRONT_PARTNER_URL", partners.url)
    monkeypatch.setenv("STOREFRONT_PAYMENT_KEY", "secret")


@pytest.fixture
async def shop(settings: None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running application with three products in stock."""
    async with running():
        async with db.async_session() as session:
            for product in STOCK:
                await session.merge(product)
            await session.commit()
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://shop"
        ) as client:
            yield client
        await app.state.background.drain()
