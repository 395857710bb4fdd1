# codemods: replace_requests_with_httpx
# level: any
"""Limits for connecting and reading, and none at all."""

import requests


async def read(url: str, limit) -> str:
    try:
        response = requests.get(url, timeout=limit)
    except requests.exceptions.ReadTimeout:
        return "read timeout"
    except requests.Timeout:
        return "timeout"
    return response.text


async def main(base):
    late, soon = base + "/slow?seconds=0.6", base + "/slow?seconds=0"
    return [
        await read(late, 0.1),
        await read(late, (3, 0.1)),
        await read(soon, (3, 3)),
        await read(late, None),
    ]
