# codemods: replace_requests_with_httpx
# level: none
"""The body of an error is read of an answer that streams, and a response is entered by its name."""

import requests


async def download(base, path):
    with requests.get(base + path, timeout=5, stream=True) as response:
        try:
            response.raise_for_status()
        except requests.HTTPError as error:
            return error.response.content
        return b"".join(response.iter_content(4))


async def by_name(base):
    response = requests.get(base + "/json", timeout=5)
    with response as entered:
        return len(entered.content)


async def main(base):
    return len(await download(base, "/json")), await download(base, "/status/404"), await by_name(base)
