# codemods: replace_requests_with_httpx
# level: none
"""The library is optional, and the name may be None."""

import urllib.request

try:
    import requests
except ImportError:
    requests = None


async def read(url):
    if requests is not None:
        return requests.get(url).status_code
    with urllib.request.urlopen(url) as response:
        return response.status


async def main(base):
    return await read(base + "/status/201")
