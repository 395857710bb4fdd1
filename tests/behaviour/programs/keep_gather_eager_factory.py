# codemods: gather_sequential_awaits
# level: none
"""A plain function that begins its work when it is called."""

import asyncio

effects = []


async def fetch(key):
    effects.append(("fetch", key))
    await asyncio.sleep(0.005)
    if key == "missing":
        raise KeyError(key)
    return key


def send(key):
    effects.append(("send", key))
    return asyncio.sleep(0.005, key)


async def main():
    try:
        row = await fetch("missing")
        receipt = await send("receipt")
    except KeyError:
        return "nothing sent"
    return row, receipt
