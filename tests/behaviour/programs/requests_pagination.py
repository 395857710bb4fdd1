# codemods: replace_requests_with_httpx
# level: any
"""Page after page, each with the address of the next."""

import requests


async def all_rows(base: str, path: "str | None") -> list[int]:
    rows: list[int] = []
    while path is not None:
        response = requests.get(base + path, timeout=5)
        response.raise_for_status()
        page = response.json()
        rows.extend(page["rows"])
        path = page["next"]
    return rows


async def main(base):
    return await all_rows(base, "/pages/1/4")
