# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
# text: crlf
"""A block that is written with other line endings."""

import asyncio


async def read() -> bytes:
    await asyncio.sleep(0.001)
    return b"data"


async def main():
    if True:
        data = await asyncio.wait_for(read(), 1)
        size = len(data)
    return data, size
