# codemods: gather_awaits_in_loop
# level: none
"""Sources that must not be used up before the first call, and variables that live on."""

import asyncio

LOG = []


async def store(item):
    await asyncio.sleep(0.001)
    LOG.append(item)
    return item


async def read(item: str) -> str:
    await asyncio.sleep(0.001)
    return item.upper()


def lazily(items):
    for item in items:
        LOG.append(("read", item))
        yield item


async def crawl(url: str, todo: list) -> str:
    await asyncio.sleep(0.001)
    if len(url) < 3:
        todo.append(url + "x")
    return url


async def main():
    for item in lazily("ab"):
        await store(item)
    todo = ["a"]
    found = []
    for url in todo:
        found.append(await crawl(url, todo))
    letters = []
    for letter in ["a", "b"]:
        letters.append(await read(letter))
    by_letter = {one: await read(one) for one in iter(["c", "d"])}
    return found, letters, letter, by_letter, [await read(one) for one in map(str, [1, 2])], LOG
