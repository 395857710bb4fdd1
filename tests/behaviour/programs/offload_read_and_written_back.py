# codemods: offload_blocking_call, offload_blocking_helper
# level: unsafe
# expect: differs
"""A counter in a file, which tasks read and write back: between the two, no other one may run."""

import asyncio
import tempfile
from pathlib import Path

PATH = Path(tempfile.mkdtemp(), "counter")


async def bump():
    number = int(PATH.read_text() or 0)
    PATH.write_text(str(number + 1))


def load(path):
    return int(path.read_text() or 0)


def save(path, number):
    path.write_text(str(number))


async def bump_by_helpers():
    number = load(PATH)
    save(PATH, number + 1)


async def main():
    PATH.touch()
    await asyncio.gather(*[bump() for _ in range(20)], return_exceptions=True)
    await asyncio.gather(*[bump_by_helpers() for _ in range(20)], return_exceptions=True)
    return PATH.read_text()  # asyncup: ignore[offload_blocking_call]
