# codemods: replace_requests_with_httpx
# level: any
"""Methods that are used less often."""

import requests


async def main(base):
    head = requests.head(base + "/redirect/1")
    followed = requests.head(base + "/redirect/1", allow_redirects=True)
    options = requests.options(base + "/echo")
    deleted = requests.delete(base + "/echo/7")
    patched = requests.patch(base + "/echo/7", json=[1])
    general = requests.request("PUT", base + "/echo/8", data="x")
    return (
        head.status_code,
        followed.status_code,
        options.json()["method"],
        deleted.json()["path"],
        patched.json()["method"],
        general.json()["body"],
    )
