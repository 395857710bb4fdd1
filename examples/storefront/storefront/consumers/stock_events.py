"""Stock events: every change of a stock becomes a row, in order."""

import asyncio
import logging
from dataclasses import dataclass

from storefront.db import async_session
from storefront.models import StockMovement

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StockEvent:
    sku: str
    delta: int
    reason: str


async def store_event(event: StockEvent) -> None:
    async with async_session() as session:
        session.add(
            StockMovement(sku=event.sku, delta=event.delta, reason=event.reason)
        )
        await session.commit()


class StockEventConsumer:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[StockEvent | None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        loop = asyncio.get_event_loop()
        self._task = loop.create_task(self._run())

    async def publish(self, sku: str, delta: int, reason: str) -> None:
        await self.queue.put(StockEvent(sku, delta, reason))

    async def wait_until_stored(self, timeout: float = 5.0) -> None:
        await asyncio.wait_for(self.queue.join(), timeout=timeout)

    async def stop(self) -> None:
        await self.wait_until_stored()
        await self.queue.put(None)
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        while True:
            event = await self.queue.get()
            if event is None:
                break
            await store_event(event)
            logger.info("%s changed by %d", event.sku, event.delta)
            self.queue.task_done()
