# codemods: replace_requests_with_httpx
# level: any
"""Errors of the status, the connection and the time limit, each with its handler."""

import requests
from requests.exceptions import ConnectionError, HTTPError, Timeout


async def fetch(url: str) -> tuple:
    try:
        response = requests.get(url, timeout=0.5)
        response.raise_for_status()
    except HTTPError as error:
        return "status", error.response.status_code
    except Timeout:
        return ("timeout",)
    except ConnectionError:
        return ("connection",)
    return "ok", response.status_code, response.content


async def main(base):
    paths = ["/bytes/3", "/status/404", "/status/503", "/status/304", "/slow?seconds=1", "/close"]
    return [await fetch(base + path) for path in paths]
