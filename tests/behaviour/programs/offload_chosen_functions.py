# codemods: offload_blocking_call
# level: safe
"""Functions of requests that have another name when they are called."""

import functools

import requests

fetch = functools.partial(requests.get, timeout=5)
SENDERS = {"post": requests.post, "put": requests.put}


async def main(base):
    url = base + "/echo"
    send = requests.patch if fetch(url).ok else requests.delete
    methods = [fetch(url).json()["method"], send(url).json()["method"]]
    for how in ("post", "put"):
        methods.append(SENDERS[how](url, b"x").json()["method"])
    for call in (requests.options, requests.delete):
        methods.append(call(url).status_code)
    try:
        SENDERS["head"](url)
    except KeyError as error:
        methods.append(str(error))
    return methods
