# codemods: close_httpx_client
# level: none
# requests: unordered
"""Clients that are used when the function has ended, or by what it starts."""

import asyncio

import httpx


async def made():
    client = httpx.AsyncClient()
    client.headers["X-Made"] = "1"
    return client


async def started(base):
    client = httpx.AsyncClient()
    requests = [client.get(f"{base}/status/{code}") for code in (200, 404)]
    answers = await asyncio.gather(*requests)
    return [answer.status_code for answer in answers]


async def closed(base):
    client = httpx.AsyncClient()
    try:
        return (await client.get(f"{base}/json")).status_code
    finally:
        await client.aclose()


async def main(base):
    client = await made()
    async with client:
        status = (await client.get(f"{base}/json")).status_code
    return status, await started(base), await closed(base)
