# codemods: replace_requests_with_httpx
# level: any
"""A session that belongs to an object, closed by hand."""

import requests


class Api:
    def __init__(self, base: str, token: str) -> None:
        self.base = base
        self.session = requests.Session()
        self.session.headers["X-Token"] = token

    async def read(self, path: str) -> list:
        response = self.session.get(self.base + path, timeout=5)
        response.raise_for_status()
        return response.json()["headers"]

    async def close(self) -> None:
        self.session.close()


async def main(base):
    api = Api(base, "secret")
    try:
        return await api.read("/echo/one"), await api.read("/echo/two")
    finally:
        await api.close()
