# codemods: bound_gather_with_semaphore
# level: none
# config: [codemods.bound_gather_with_semaphore]
# config: limit = 1
"""Calls that need each other: a limit would stop them for ever."""

import asyncio

LOG = []


async def meet(name: str, here: list, everyone: asyncio.Event) -> str:
    here.append(name)
    if len(here) == 3:
        everyone.set()
    await everyone.wait()
    return name


async def answer(name: str, answers: dict) -> str:
    LOG.append(name)
    other = {"ask": "reply", "reply": "ask"}[name]
    answers[other].set_result(name)
    return await answers[name]


async def drain(queue: asyncio.Queue) -> None:
    while True:
        item = await queue.get()
        if item is None:
            return
        LOG.append(item)


async def visit(tree: dict) -> int:
    LOG.append(len(tree))
    return 1 + sum(await asyncio.gather(*[visit(child) for child in tree.values()]))


async def main():
    names = ["a", "b", "c"]
    here, everyone = [], asyncio.Event()
    met = await asyncio.gather(*[meet(name, here, everyone) for name in names])
    answers = {name: asyncio.get_running_loop().create_future() for name in ("ask", "reply")}
    answered = await asyncio.gather(*[answer(name, answers) for name in answers])
    queue = asyncio.Queue()
    for item in [1, 2, None, None]:
        queue.put_nowait(item)
    await asyncio.gather(*[drain(queue) for _ in range(2)])
    return met, answered, await visit({"x": {"y": {}}, "z": {}}), sorted(map(str, LOG))
