# codemods: replace_gather_with_task_group
# level: unsafe
"""Results with names, in a list, and of tasks made before."""

import asyncio


async def load(key, delay=0.0):
    await asyncio.sleep(delay)
    return f"<{key}>"


class Page:
    async def fill(self):
        self.head, _ = await asyncio.gather(load("head", 0.02), load("dropped"))
        return self.head


async def made_before(keys):
    first = asyncio.create_task(load("first", 0.01), name="first")
    second = load("second")
    one, two = await asyncio.gather(first, second)
    tasks = []
    for key in keys:
        tasks.append(load(key, 0.01))
    rest = await asyncio.gather(*tasks)
    return one, two, rest


async def main():
    left, right = await asyncio.gather(load("left", 0.02), load("right", 0.01))
    keys = ["c", "a", "b"]
    listed = await asyncio.gather(*[load(key, 0.01 * number) for number, key in enumerate(keys)])
    pair: list[str] = await asyncio.gather(load("x"), load("y"))
    return left, right, listed, pair, await Page().fill(), await made_before(keys)
