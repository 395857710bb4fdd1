# codemods: replace_requests_with_httpx
# level: any
"""Lines of JSON that are read one by one."""

import json

import requests


async def rows(url: str) -> list:
    found = []
    with requests.get(url, stream=True) as response:
        for line in response.iter_lines():
            if line:
                found.append(json.loads(line)["line"])
    return found


async def main(base):
    return await rows(base + "/stream/5"), await rows(base + "/stream/0")
