# codemods: replace_requests_with_httpx
# level: none
"""A function that is called with each response."""

import requests

effects = []


def note(response, *_, **__):
    effects.append(response.status_code)


async def main(base):
    return requests.get(base + "/redirect/2", hooks={"response": note}).status_code
