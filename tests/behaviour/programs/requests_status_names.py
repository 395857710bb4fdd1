# codemods: replace_requests_with_httpx
# level: any
"""Names of status codes."""

import requests


async def main(base):
    seen = []
    for code in (200, 404, 418, 429):
        response = requests.get(f"{base}/status/{code}")
        if response.status_code == requests.codes.ok:
            seen.append("ok")
        elif response.status_code == requests.codes.not_found:
            seen.append("missing")
        elif response.status_code in (requests.codes.teapot, requests.codes.too_many_requests):
            seen.append("no coffee")
    return seen
