# codemods: replace_requests_with_httpx
# level: none
"""The first hit is enough; no further request is sent."""

import requests


async def main(base):
    codes = (200, 201, 404)
    return any(requests.get(f"{base}/status/{code}").status_code == 201 for code in codes)
