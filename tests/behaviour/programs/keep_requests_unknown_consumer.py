# codemods: replace_requests_with_httpx
# level: none
"""The response is given to whoever has registered."""

import requests

consumers = []


def register(function):
    consumers.append(function)
    return function


@register
def status(response):
    return response.status_code


@register
def kind(response):
    return type(response).__module__.split(".")[0]


async def main(base):
    response = requests.get(base + "/json")
    return [consumer(response) for consumer in consumers]
