# codemods: replace_requests_with_httpx
# level: any
"""A session that keeps cookies and headers."""

import requests


async def main(base):
    with requests.Session() as session:
        session.headers.update({"X-Tenant": "acme"})
        session.get(base + "/cookies/set?flavour=oat")
        cookies = session.get(base + "/cookies").json()
        session.headers["X-Tenant"] = "umbrella"
        tenant = session.get(base + "/echo").json()["headers"]
        session.cookies.clear()
        nothing = session.get(base + "/cookies").json()
    return cookies, tenant, nothing
