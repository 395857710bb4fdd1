# codemods: replace_ensure_future
# level: none
"""A future, an unknown awaitable and a function that runs before the loop does."""

import asyncio

effects = []


class Ready:
    def __await__(self):
        yield from asyncio.sleep(0).__await__()
        return "ready"


def wrap(awaitable):
    return asyncio.ensure_future(awaitable)


async def main():
    future = asyncio.get_running_loop().create_future()
    same = asyncio.ensure_future(future)
    effects.append(same is future)
    future.set_result(1)
    return await same, await asyncio.ensure_future(Ready()), await wrap(Ready())
