# codemods: gather_sequential_awaits
# level: unsafe
# requests: unordered
"""Reads through a client that several tasks may use."""

import httpx


async def main(base):
    async with httpx.AsyncClient(base_url=base) as client:
        page = await client.get("/json")
        numbers = await client.get("/bytes/5")
        return page.json()["name"], list(numbers.content)
