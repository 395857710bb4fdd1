# codemods: replace_ensure_future
# level: safe
"""Tasks of local, inherited and library coroutines; one fails, one is cancelled."""

import asyncio
from asyncio import ensure_future

effects = []


class Store:
    async def load(self, key):
        effects.append(f"load {key}")
        await asyncio.sleep(0.01)
        if key == "bad":
            raise KeyError(key)
        return key.upper()

    async def all(self, keys):
        tasks = [ensure_future(self.load(key)) for key in keys]
        return await asyncio.gather(*tasks, return_exceptions=True)


async def main():
    queue = asyncio.Queue()
    getting = asyncio.ensure_future(queue.get())
    never = asyncio.ensure_future(asyncio.sleep(60))
    seen = [repr(value) for value in await Store().all(["a", "bad", "c"])]
    await queue.put("item")
    never.cancel()
    try:
        await never
    except asyncio.CancelledError:
        seen.append("cancelled")
    return seen, await getting
