# codemods: offload_blocking_call, replace_requests_with_httpx
# level: safe
"""What a test puts in the place of a function is met in the thread as well."""

from unittest import mock

import requests


async def fetch(url, **options):
    return requests.get(url, **options).json()


async def main():
    with mock.patch("requests.get") as get:
        get.return_value.json.return_value = {"mocked": 1}
        value = await fetch("http://nowhere.invalid/", timeout=3)
    return value, get.call_args
