# codemods: replace_requests_with_httpx
# level: unsafe
# expect: differs
# gives: [True, True, True, True, True, True]
"""Parts of a form without a name or a type: named as before, and httpx adds a type."""

import base64
import io
import tempfile

import requests


async def of_bytes(base: str):
    response = requests.post(base + "/echo/a", files={"raw": b"a;b", "text": "c"})
    return response.json()["body"]


async def in_memory(base: str):
    files = {"scan": io.BytesIO(b"1")}
    return requests.post(base + "/echo/b", files=files).json()["body"]


async def opened(base: str, path: str):
    with open(path, "rb") as file:
        response = requests.post(base + "/echo/c", files={"report": file})
    return response.json()["body"]


async def pairs(base: str):
    response = requests.post(base + "/echo/d", files=[("f", ("a.txt", b"abc")), ("f", ("b.txt", b"x", "text/plain"))])
    return response.json()["body"]


async def fields(base: str):
    response = requests.post(base + "/echo/e", files={"title": (None, "numbers")}, data={"kind": "csv"})
    return response.json()["body"]


async def by_path(base: str, path: str):
    response = requests.post(base + "/echo/g", files=[("f", open(path, "rb"))])
    return response.json()["body"]


def has(body, *expected):
    text = base64.b64decode(body).decode()
    return all(text.count(part) == 1 for part in expected)


async def main(base):
    with tempfile.TemporaryDirectory() as folder:
        with open(folder + "/report.txt", "w") as file:
            file.write("report")
        return [
            has(await of_bytes(base), 'name="raw"; filename="raw"', 'name="text"; filename="text"'),
            has(await in_memory(base), 'name="scan"; filename="scan"'),
            has(await opened(base, folder + "/report.txt"), 'name="report"; filename="report.txt"'),
            has(await pairs(base), 'name="f"; filename="a.txt"', 'name="f"; filename="b.txt"', "abc"),
            has(await fields(base), 'name="title"', 'name="kind"', "numbers", "csv"),
            has(await by_path(base, folder + "/report.txt"), 'name="f"; filename="report.txt"'),
        ]
