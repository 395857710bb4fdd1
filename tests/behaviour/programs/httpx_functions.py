# codemods: replace_sync_httpx_client
# level: safe
"""httpx's functions, each of which makes a client of its own: no cookie goes from one to the next."""

import httpx


async def main(base):
    seen = []
    response = httpx.get(f"{base}/json", params={"a": "1 2"}, headers={"X-T": "t"}, timeout=5)
    seen.append((response.status_code, response.json()))
    if httpx.head(f"{base}/status/404", trust_env=False).is_error:
        seen.append("missing")
    try:
        httpx.post(f"{base}/status/500", cookies={"c": "1"}, data={"x": "y"}).raise_for_status()
    except httpx.HTTPStatusError as error:
        seen.append((type(error), error.response.status_code))
    try:
        httpx.get("http://127.0.0.1:1/")
    except httpx.ConnectError as error:
        seen.append(type(error))
    return seen
