# codemods: offload_blocking_call
# level: safe
"""A session of the function's own: cookies stay in it, answers and errors are requests' own."""

import requests


async def main(base):
    session = requests.Session()
    session.headers["X-T"] = "t"
    first = session.get(base + "/json")
    answer = session.post(base + "/echo", data={"a": None, "b": [1, 2]}, headers={"X-U": None})
    try:
        requests.get("http://127.0.0.1:1/", timeout=1)
    except requests.ConnectionError as error:
        failed = isinstance(error, OSError)
    session.close()
    return bool(first), first.reason, answer.status_code, failed
