# codemods: replace_gather_with_task_group
# level: unsafe
"""Calls for their effect: a comprehension becomes loops."""

import asyncio


async def note(seen, *what):
    await asyncio.sleep(0)
    seen.append(what)


async def main():
    seen = []
    await asyncio.gather(note(seen, 1), note(seen, 2))
    await asyncio.gather(*[note(seen, row, column) for row in range(3) if row != 1 for column in "ab"])
    waiting = [note(seen, name) for name in ("x", "y")]
    await asyncio.gather(*waiting)
    filled = []
    for name in ("p", "q"):
        filled.append(asyncio.create_task(note(seen, name)))
    await asyncio.gather(*filled)
    return seen
