# codemods: replace_requests_with_httpx
# level: none
"""A session for the whole module: a client would belong to one event loop."""

import requests

session = requests.Session()
session.headers["X-From"] = "module"


def sync_read(url):
    return session.get(url).json()["path"]


async def read(url):
    return session.get(url).json()["path"]


async def main(base):
    return await read(base + "/echo/a"), sync_read(base + "/echo/b")
