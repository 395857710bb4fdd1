# codemods: reuse_httpx_client
# level: unsafe
# requests: unordered
"""A client for each item of a gather, of a group and of a loop: the answers and their errors are the same from one client."""

import asyncio

import httpx


class Pages:
    def __init__(self, base):
        self.base = base
        self.found = {}

    async def _read(self, code):
        async with httpx.AsyncClient(follow_redirects=True) as client:
            response = await client.get(f"{self.base}/status/{code}")
            self.found[code] = response.status_code

    async def read_all(self, codes):
        async with asyncio.TaskGroup() as group:
            for code in codes:
                group.create_task(self._read(code))
        return sorted(self.found.items())


async def _fetch(base, number):
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{base}/echo", params={"n": number})
        if number == 2:
            raise ValueError(number)
        return response.status_code



async def main(base):
    semaphore = asyncio.Semaphore(2)

    async def limited(path):
        async with semaphore:
            async with httpx.AsyncClient() as client:
                return (await client.get(base + path)).text

    texts = await asyncio.gather(*[limited(path) for path in ("/json", "/status/204")])
    results = await asyncio.gather(*[_fetch(base, number) for number in range(4)], return_exceptions=True)
    return texts, [repr(result) for result in results], await Pages(base).read_all([200, 404])
