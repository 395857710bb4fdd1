# codemods: replace_requests_with_httpx
# level: any
"""Forms, raw bodies of text and bytes, and no body at all."""

import requests


async def main(base):
    seen = []
    for data in ({"a": "1", "b": ["x", "y"], "c": "grün & blau"}, "plain text", b"\x00\x01", None):
        response = requests.post(base + "/echo", data=data)
        seen.append(response.json()["body"])
    response = requests.put(base + "/echo", data="umlaut ü".encode())
    seen.append(response.json()["body"])
    return seen
