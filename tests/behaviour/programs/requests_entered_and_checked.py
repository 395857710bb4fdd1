# codemods: replace_requests_with_httpx
# level: unsafe
"""Answers that are entered, and whose status is the first thing that is looked at."""

import requests


async def plain(base):
    with requests.get(base + "/json", timeout=5) as response:
        response.raise_for_status()
        return sorted(response.json())


async def streamed(base):
    with requests.get(base + "/json", timeout=5, stream=True) as response:
        response.raise_for_status()
        return len(response.content)


async def read_when_left(base):
    with requests.get(base + "/json", timeout=5) as response:
        response.raise_for_status()
    return len(response.content)


async def in_session(base, path):
    with requests.Session() as session:
        with session.get(base + "/json", timeout=5) as first:
            with session.get(base + path, timeout=5) as second:
                second.raise_for_status()
                return len(first.content), second.status_code


async def caught(base, path):
    try:
        with requests.get(base + path, timeout=5) as response:
            response.raise_for_status()
            return len(response.content)
    except requests.HTTPError as error:
        return error.response.status_code, error.response.content


async def main(base):
    return (
        await plain(base),
        await streamed(base),
        await read_when_left(base),
        await in_session(base, "/json"),
        await in_session(base, "/status/204"),
        await caught(base, "/json"),
        await caught(base, "/status/404"),
        await caught(base, "/status/503"),
    )
