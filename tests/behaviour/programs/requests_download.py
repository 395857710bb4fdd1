# codemods: replace_requests_with_httpx
# level: any
"""A file that is fetched in pieces."""

import hashlib
import io

import requests


async def download(url: str, file) -> int:
    with requests.get(url, stream=True, timeout=10) as response:
        response.raise_for_status()
        size = 0
        for chunk in response.iter_content(chunk_size=1000):
            file.write(chunk)
            size += len(chunk)
    return size


async def main(base):
    file = io.BytesIO()
    size = await download(base + "/bytes/4321", file)
    return size, hashlib.sha256(file.getvalue()).hexdigest()
