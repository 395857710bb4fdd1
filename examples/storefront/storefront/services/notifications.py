"""Messages to customers and to our own people."""

import asyncio
import logging
import queue

import httpx

from storefront.errors import PartnerError

logger = logging.getLogger(__name__)

CHANNELS = ("email", "sms", "warehouse")


class Notifier:
    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._digest: queue.Queue[str] = queue.Queue()

    async def send(self, channel: str, text: str) -> None:
        async with httpx.AsyncClient(base_url=self.base_url, timeout=10.0) as client:
            response = await client.post(
                f"/notifications/{channel}", json={"text": text}
            )
        if response.status_code >= 400:
            raise PartnerError(f"{channel} answered {response.status_code}")

    async def order_placed(self, number: str) -> None:
        self._digest.put(f"{number} placed")
        await asyncio.gather(
            *[self.send(channel, f"order {number} placed") for channel in CHANNELS],
            return_exceptions=True,
        )
        logger.info("order %s announced", number)

    async def order_cancelled(self, number: str, email: str) -> None:
        self._digest.put(f"{number} cancelled")
        confirmation, notice = await asyncio.gather(
            self.send("email", f"order {number} cancelled, {email}"),
            self.send("warehouse", f"order {number} cancelled"),
            return_exceptions=True,
        )
        logger.info("order %s: %s, %s", number, confirmation, notice)

    async def send_digest(self) -> int:
        """Send what happened since the last digest and return its length."""
        lines = []
        while not self._digest.empty():
            lines.append(self._digest.get())
        if lines:
            await self.send("digest", "\n".join(lines))
        return len(lines)
