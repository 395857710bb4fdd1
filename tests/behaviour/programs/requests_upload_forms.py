# codemods: replace_requests_with_httpx
# level: any
"""Forms as dicts and as lists of pairs, with fields, files and several parts of one name."""

import base64
import io

import requests


async def fields(base: str):
    response = requests.post(base + "/echo/a", files={"title": (None, "numbers")}, data={"kind": "csv"})
    return response.json()["body"]


async def pairs(base: str):
    parts = [("f", ("a.txt", b"abc", "text/plain")), ("f", ("b.csv", b"x;y", "text/csv"))]
    response = requests.post(
        base + "/echo/b",
        files=[("f", ("a.txt", b"abc", "text/plain")), ("f", ("b.csv", io.BytesIO(b"x;y"), "text/csv"))],
    )
    return response.json()["body"], len(parts)


async def in_a_name(base: str):
    files = {"scan": ("scan.png", io.BytesIO(b"1"), "image/png"), "note": (None, b"n")}
    return requests.post(base + "/echo/c", files=files).json()["body"]


def counted(body, *parts):
    text = base64.b64decode(body).decode()
    return [text.count(part) for part in parts]


async def main(base):
    two, _ = await pairs(base)
    return [
        counted(await fields(base), 'name="title"', 'name="kind"', "numbers", "csv", "Content-Type"),
        counted(two, 'filename="a.txt"', 'filename="b.csv"', "x;y", "text/csv"),
        counted(await in_a_name(base), 'filename="scan.png"', "image/png", 'name="note"', "filename"),
    ]
