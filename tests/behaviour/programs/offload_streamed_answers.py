# codemods: offload_blocking_call
# level: safe
"""Answers that are read in pieces: all that reads them moves with them."""

import io
import shutil
from contextlib import closing

import requests


async def copied(url):
    out = io.BytesIO()
    with requests.get(url, stream=True) as response:
        response.raise_for_status()
        response.raw.decode_content = True
        shutil.copyfileobj(response.raw, out)
    return out.getvalue()


async def lines(url):
    response = requests.get(url, stream=True)
    if response.encoding is None:
        response.encoding = "utf-8"
    return [line for line in response.iter_lines(decode_unicode=True) if line]


async def head(url):
    with closing(requests.get(url, stream=True)) as response:
        for chunk in response.iter_content(4):
            return chunk


async def maybe(url, stream):
    response = requests.get(url, stream=stream)
    return len(response.content)


async def main(base):
    url = base + "/json"
    failed = None
    try:
        await copied(base + "/status/500")
    except requests.HTTPError as error:
        failed = error.response.status_code
    return await copied(url), await lines(url), await head(url), await maybe(url, True), await maybe(url, False), failed
