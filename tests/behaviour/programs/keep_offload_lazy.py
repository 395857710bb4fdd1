# codemods: offload_blocking_call, offload_blocking_helper
# level: none
"""What a thread must not compute, or cannot hand over: elements of generators, a StopIteration, a context variable."""

import asyncio
import subprocess
import tempfile
from contextvars import ContextVar
from pathlib import Path

current = ContextVar("current", default=0)
folder = Path(tempfile.mkdtemp())


def names():
    yield asyncio.current_task() is not None


def consume(elements):
    subprocess.run(["true"])
    return list(elements)


def first(elements):
    subprocess.run(["true"])
    return next(iter(elements))


async def main():
    rows = (str(asyncio.current_task() is not None) for _ in range(2))
    with open(folder / "rows", "w") as file:
        file.writelines(rows)
    with open(folder / "rows") as file:
        current.set(len(file.read()))
    found = [current.get(), consume(names()), consume(map(lambda name: name, names()))]
    try:
        first([])
    except StopIteration:
        found.append("stop")
    return found
