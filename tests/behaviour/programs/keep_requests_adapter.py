# codemods: replace_requests_with_httpx
# level: none
"""Retries of the transport, which have no counterpart."""

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry


async def main(base):
    with requests.Session() as session:
        retry = Retry(total=3, status_forcelist=[503], backoff_factor=0)
        session.mount("http://", HTTPAdapter(max_retries=retry))
        return session.get(base + "/flaky/x/2").text
