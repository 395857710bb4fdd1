# codemods: replace_requests_with_httpx, replace_time_sleep
# level: any
"""Attempts with pauses between them."""

import time

import requests


async def insist(url: str, attempts: int) -> str:
    last = None
    for attempt in range(attempts):
        response = requests.get(url, timeout=2)
        if response.status_code == 200:
            return response.text
        last = response
        time.sleep(0.01)
    return f"gave up after {attempts}: {last.status_code}"


async def main(base):
    return await insist(base + "/flaky/a/2", 5), await insist(base + "/flaky/b/9", 2)
