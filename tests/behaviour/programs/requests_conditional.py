# codemods: replace_requests_with_httpx
# level: any
"""Headers of the answer, and an answer without a body."""

import requests


async def main(base):
    first = requests.get(base + "/etag")
    known = requests.get(base + "/etag", headers={"If-None-Match": first.headers["etag"]})
    known.raise_for_status()
    both = requests.get(base + "/twice")
    following = both.links["next"]["url"]
    return (
        first.text,
        known.status_code,
        known.content,
        both.headers["X-TWICE"],
        "x-twice" in both.headers,
        both.headers.get("Missing", "none"),
        following,
    )
