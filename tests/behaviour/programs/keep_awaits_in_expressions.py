# codemods: gather_sequential_awaits
# level: none
"""Expressions whose parts depend on the order: they stay as they are."""

import asyncio

numbers = [3, 2, 1]
seen = []


async def read(name: str) -> str:
    await asyncio.sleep(0.001)
    return f"{name}{len(seen)}"


async def note(name: str) -> str:
    await asyncio.sleep(0.001)
    seen.append(name)
    return name


async def main():
    popped = (numbers.pop(), await read("a"), numbers.pop(), await read("b"))
    noted = {"a": await note("a"), "seen": len(seen), "b": await note("b")}
    chosen = [await read("c") if numbers else await read("d"), await note("e"), await read("f")]
    texts = f"{await note('g')}{len(seen)}{await read('h')}"
    return popped, noted, chosen, texts, seen, await read("i") or await read("j")
