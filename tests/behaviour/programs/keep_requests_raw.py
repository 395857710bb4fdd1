# codemods: replace_requests_with_httpx
# level: none
"""The raw stream goes to a function that wants a file."""

import io
import shutil

import requests


async def main(base):
    file = io.BytesIO()
    with requests.get(base + "/bytes/300", stream=True) as response:
        shutil.copyfileobj(response.raw, file)
    return len(file.getvalue())
