# codemods: replace_requests_with_httpx
# level: any
# text: crlf
"""A block that is written around a request, with other line endings."""

import requests


async def main(base):
    # The first answer is enough.
    response = requests.get(base + "/json")
    name = response.json()["name"]  # its name
    return name, response.status_code
