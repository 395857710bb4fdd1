# codemods: replace_requests_with_httpx
# level: any
"""A body that is no JSON is an error of the library, and of the standard library."""

import requests


async def names(base: str, path: str):
    try:
        return requests.get(base + path, timeout=5).json()["name"]
    except requests.RequestException:
        return "no answer"


async def strict(base: str, path: str):
    response = requests.get(base + path)
    try:
        return response.json()["name"]
    except ValueError:
        return "no JSON"


async def main(base):
    seen = []
    for path in ("/json", "/json/invalid", "/close"):
        seen.append(await names(base, path))
    return seen, await strict(base, "/json"), await strict(base, "/json/invalid")
