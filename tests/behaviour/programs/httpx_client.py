# codemods: replace_sync_httpx_client
# level: safe
"""A client of the function's own: its headers and cookies stay, requests are built and sent, and it is closed."""

import httpx


async def main(base):
    with httpx.Client(base_url=base, follow_redirects=True) as client:
        client.headers["X-T"] = "t"
        statuses = [client.get(f"/status/{code}").status_code for code in (200, 204, 404)]
        request = client.build_request("POST", "/echo", json={"a": [1, None]})
        statuses.append(client.send(request).status_code)
        statuses.append(len(client.get("/redirect/2").history))
    other = httpx.Client()
    content = other.get(f"{base}/json").content
    other.close()
    return statuses, content, client.is_closed, other.is_closed
