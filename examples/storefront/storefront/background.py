"""Work that goes on after the response has been sent."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

logger = logging.getLogger(__name__)


class BackgroundTasks:
    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def add_task(self, coro: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coro)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def idle(self) -> bool:
        return not self._tasks

    async def drain(self) -> None:
        """Wait until nothing is left to do."""
        while not self.idle:
            await asyncio.sleep(0.01)

    async def shutdown(self) -> None:
        for task in self._tasks:
            task.cancel()
            await asyncio.wait([task])
        logger.info("background tasks stopped")
