# codemods: close_httpx_client
# level: safe
"""Clients that nothing closes: what was read stays, a return and an exception leave the block."""

import asyncio

import httpx


class Watched(httpx.AsyncHTTPTransport):
    async def aclose(self):
        await super().aclose()


async def first(base, stop):
    client = httpx.AsyncClient(transport=Watched(), follow_redirects=True)
    one = await client.get(f"{base}/json")
    if stop:
        return one.status_code
    # Two at once.
    others = await asyncio.gather(client.get(f"{base}/status/200"), client.get(f"{base}/status/404"))
    total = one.status_code + sum(other.status_code for other in others)
    return total, one.json(), len(client.headers)


async def failing(base):
    client = httpx.AsyncClient()
    response = await client.get(f"{base}/status/500")
    response.raise_for_status()
    print(client.headers)


async def streamed(base):
    client = httpx.AsyncClient()
    async with client.stream("GET", f"{base}/json") as response:
        return len(await response.aread())


async def main(base):
    found = [await first(base, stop) for stop in (True, False)]
    try:
        await failing(base)
    except httpx.HTTPStatusError as error:
        found.append(error.response.status_code)
    return found, await streamed(base)
