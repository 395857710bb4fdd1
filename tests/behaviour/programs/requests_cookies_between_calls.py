# codemods: replace_requests_with_httpx
# level: unsafe
# expect: differs
"""Two calls share nothing; two calls of one client share cookies."""

import requests


async def main(base):
    requests.get(base + "/cookies/set?flavour=oat")
    return requests.get(base + "/cookies").json()
