# codemods: offload_blocking_call, offload_blocking_helper
# level: any
# unblocks: 60
"""Loops over lists and texts, a pure `__str__`, and an expected StopIteration move."""

import subprocess
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())


class Name:
    def __init__(self, text: str) -> None:
        self.text = text


def last(names: list):
    subprocess.run(["sleep", "0.1"])
    try:
        return next(reversed(names))
    except StopIteration:
        return "none"


async def export(rows: list, more):
    lines = [str(row) for row in rows]
    with open(folder / "rows", "w") as file:
        for line in lines:
            file.write(line)
        file.writelines(f"{number}" for number in range(3))
        print(more, file=file)


async def main():
    await export([1, 2], "end")
    with open(folder / "rows") as file:
        text = file.read()
    return text, last(["a", "b"]), last([])
