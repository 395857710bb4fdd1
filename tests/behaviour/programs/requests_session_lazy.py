# codemods: replace_requests_with_httpx
# level: unsafe
"""A session that is made when it is needed, closed by hand, and made again."""

from typing import Optional

import requests


class Api:
    def __init__(self, base: str) -> None:
        self.base = base
        self._session: Optional[requests.Session] = None

    async def read(self, path: str) -> list:
        if self._session is None:
            self._session = requests.Session()
            self._session.headers["X-Token"] = "secret"
        response = self._session.get(self.base + path, timeout=5)
        response.raise_for_status()
        return response.json()["method"]

    async def close(self) -> None:
        if self._session:
            self._session.close()
        self._session = None


async def main(base):
    api = Api(base)
    await api.close()
    first = await api.read("/echo/one")
    await api.close()
    second = await api.read("/echo/two")
    await api.close()
    return first, second
