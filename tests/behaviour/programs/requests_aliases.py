# codemods: replace_requests_with_httpx
# level: any
"""The library under other names."""

import requests as rq
from requests import exceptions as errors
from requests import get as http_get
from requests import post


async def main(base):
    seen = [rq.get(base + "/status/201").status_code, http_get(base + "/bytes/2").content]
    seen.append(post(base + "/echo", data=b"x").json()["body"])
    try:
        rq.get(base + "/close")
    except errors.ConnectionError:
        seen.append("closed")
    return seen
