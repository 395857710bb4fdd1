# codemods: offload_blocking_call, offload_blocking_helper
# level: unsafe
# expect: differs
"""Formats, lengths, loops, properties and keys of a sort run code of the loop's thread without being called by name."""

import asyncio
import subprocess


def on_loop(_=None):
    return asyncio.current_task() is not None


class Part:
    @property
    def ok(self):
        return on_loop()

    def __str__(self):
        return str(on_loop())

    def __len__(self):
        return 2 if on_loop() else 0

    def __iter__(self):
        yield on_loop()


def read(part):
    subprocess.run(["true"])
    return part.ok


def show(part):
    subprocess.run(["true"])
    return f"{part}"


def sort(names: list):
    subprocess.run(["true"])
    return sorted(names, key=on_loop)


async def by_helper(part):
    return [read(part), show(part), sort([1, 2])]


async def in_block(part: Part):
    with open("/dev/null", "w") as file:
        file.write(str(part))
        return len(part)


async def all_of(part: Part):
    with open("/dev/null", "w") as file:
        for element in part:
            file.write(str(element))
        return "all"


async def main():
    found = []
    for function in (by_helper, in_block, all_of):
        try:
            found.append(await function(Part()))
        except RuntimeError as error:
            found.append(str(error))
    return found
