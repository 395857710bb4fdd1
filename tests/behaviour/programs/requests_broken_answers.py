# codemods: replace_requests_with_httpx
# level: optional
"""Answers that end too soon, or are not what they say."""

import requests


async def read(url: str) -> str:
    try:
        response = requests.get(url, timeout=5)
        return f"{len(response.content)} bytes"
    except requests.exceptions.ContentDecodingError:
        return "not decodable"
    except requests.exceptions.ChunkedEncodingError:
        return "cut"
    except requests.exceptions.ConnectionError:
        return "connection"


async def main(base):
    return [await read(base + path) for path in ("/gzip", "/gzip/bad", "/cut", "/close")]
