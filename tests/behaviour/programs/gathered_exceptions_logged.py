# codemods: check_gathered_exceptions
# level: unsafe
"""Results that are used as if none had failed: the same, with a line in the log."""

import asyncio
import logging

log = logging.getLogger("programs")
log.disabled = True


class Page:
    def __init__(self, title):
        self.title = title


async def load(title):
    await asyncio.sleep(0.001)
    if title == "bad":
        raise ValueError(title)
    return Page(title)


async def titles(names):
    pages = await asyncio.gather(*[load(name) for name in names], return_exceptions=True)
    return [page.title for page in pages]


async def pair(one, two):
    left, right = await asyncio.gather(load(one), load(two), return_exceptions=True)
    return left.title + right.title


async def main():
    seen = [await titles(["a", "b"]), await pair("c", "d")]
    for make in (titles(["a", "bad"]), pair("bad", "d")):
        try:
            await make
        except AttributeError as error:
            seen.append(str(error))
    return seen
