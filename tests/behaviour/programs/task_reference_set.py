# codemods: keep_task_reference
# level: safe
"""Started and forgotten, with callbacks and in a variable that nobody reads; one fails."""

import asyncio

effects = []


async def job(name, delay):
    await asyncio.sleep(delay)
    effects.append(name)
    if name == "bad":
        raise ValueError(name)
    return name


def note(task):
    effects.append(f"done {task.get_name()}")


def start(loop):
    loop.create_task(job("from a loop", 0.02))


async def main():
    start(asyncio.get_running_loop())
    asyncio.ensure_future(job("second", 0.04)).add_done_callback(note)
    unread = asyncio.create_task(job("third", 0.06), name="third")
    unread.add_done_callback(note)
    failing = asyncio.create_task(job("bad", 0.005))
    await asyncio.sleep(0.1)
    return [len(effects), failing.exception().args]
