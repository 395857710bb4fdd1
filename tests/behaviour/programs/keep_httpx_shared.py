# codemods: replace_sync_httpx_client
# level: none
"""Clients that other code uses stay what they are."""

import httpx

shared = httpx.Client()


class Api:
    def __init__(self, base):
        self.client = httpx.Client(base_url=base)

    async def status(self, path):
        return self.client.get(path).status_code

    def close(self):
        self.client.close()


async def first(client: httpx.Client, url):
    return client.get(url).status_code


async def lines(url):
    for line in httpx.get(url).text.splitlines():
        yield line


async def main(base):
    api = Api(base)
    status = await api.status("/json")
    api.close()
    found = [line async for line in lines(f"{base}/json")]
    return status, await first(shared, f"{base}/json"), any(httpx.get(f"{base}/json").is_error for _ in "a"), found
