# codemods: replace_requests_with_httpx
# level: any
"""Redirects that are followed, and that are not."""

import requests


async def main(base):
    followed = requests.get(base + "/redirect/3")
    hops = [hop.status_code for hop in followed.history]
    stopped = requests.get(base + "/redirect/1", allow_redirects=False)
    where = stopped.headers["Location"]
    posted = requests.post(base + "/redirect/1?code=307", data=b"kept")
    changed = requests.post(base + "/redirect/1?code=303", data=b"dropped")
    return (
        followed.status_code,
        hops,
        str(followed.url) == base + "/echo",
        stopped.status_code,
        where,
        posted.json()["body"],
        changed.json()["method"],
    )
