# codemods: replace_requests_with_httpx
# level: none
"""Files that httpx refuses, or of which it is not known what they are called."""

import base64
import pathlib
import tempfile

import requests


async def as_text(base: str, path: str):
    with open(path) as file:
        return requests.post(base + "/echo/a", files={"text": file}).status_code


async def of_a_path(base: str, path: pathlib.Path):
    with open(path, "rb") as file:
        return requests.post(base + "/echo/b", files={"text": file}).status_code


async def with_pairs(base: str):
    response = requests.post(base + "/echo/c", files={"f": ("f", b"1", "text/plain")}, data=[("a", "1"), ("a", "2")])
    return base64.b64decode(response.json()["body"]).count(b'name="a"')


async def without_a_type(base: str):
    response = requests.post(base + "/echo/e", files=[("f", ("a.txt", b"abc")), ("g", b"x")])
    return base64.b64decode(response.json()["body"]).count(b"Content-Type")


async def of_what_is_given(base: str, files):
    return requests.post(base + "/echo/d", files=files).status_code


async def main(base):
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/report.txt"
        pathlib.Path(path).write_text("report")
        return [
            await as_text(base, path),
            await of_a_path(base, pathlib.Path(path)),
            await with_pairs(base),
            await without_a_type(base),
            await of_what_is_given(base, {"f": b"1"}),
        ]
