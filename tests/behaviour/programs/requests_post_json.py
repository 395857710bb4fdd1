# codemods: replace_requests_with_httpx
# level: any
"""A body of JSON, headers, a status."""

import base64
import json

import requests


async def create(base: str, name: str) -> dict:
    response = requests.post(
        f"{base}/echo/items",
        json={"name": name, "tags": ["a", "b"], "price": 1.5, "sold": None},
        headers={"X-Request-Id": "7", "Accept": "application/json"},
        timeout=10,
    )
    response.raise_for_status()
    return response.json()


async def main(base):
    seen = await create(base, "chair")
    return seen["method"], seen["path"], json.loads(base64.b64decode(seen["body"]))
