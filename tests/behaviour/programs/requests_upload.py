# codemods: replace_requests_with_httpx
# level: any
"""Files in a form, with name, content and type."""

import base64

import requests


async def main(base):
    response = requests.post(
        base + "/echo/upload",
        files={"report": ("report.csv", b"a;b\n1;2\n", "text/csv")},
        data={"title": "numbers"},
    )
    body = base64.b64decode(response.json()["body"])
    return body.count(b"report.csv"), b"a;b\n1;2\n" in body, b"numbers" in body
