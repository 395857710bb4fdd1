# codemods: gather_awaits_in_loop, reuse_httpx_client
# level: unsafe
# target: py312
# requests: unordered
"""Rounds that do something with their answers, a client for each round and for each method: the same from calls that run at once, by one client."""

import httpx


class Api:
    def __init__(self, base: str):
        self.base = base

    async def status(self, code: int) -> int:
        async with httpx.AsyncClient(timeout=30) as client:
            response = await client.get(f"{self.base}/status/{code}")
            return response.status_code

    async def text(self) -> str:
        async with httpx.AsyncClient(timeout=30) as client:
            return (await client.get(self.base + "/json")).text


async def main(base):
    codes = [404, 200, 204]
    found, total = {}, 0
    for code in codes:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{base}/status/{code}")
            if response.status_code == 204:
                continue
            found[code] = response.status_code
    async with httpx.AsyncClient() as other:
        for code in codes:
            total += (await other.get(f"{base}/status/{code}")).status_code
    api = Api(base)
    return list(found.items()), total, await api.status(404), await api.text()
