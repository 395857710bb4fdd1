# codemods: replace_requests_with_httpx
# level: any
"""Parameters of the query, written out."""

import requests


async def search(base: str, words: str, page: int) -> str:
    response = requests.get(
        base + "/echo/search",
        params={"q": words, "page": page, "tag": ["new", "old"], "sort": "a-z"},
    )
    return response.json()["path"]


async def main(base):
    return await search(base, "two words & more", 3)
