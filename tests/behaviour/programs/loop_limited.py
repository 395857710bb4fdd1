# codemods: gather_awaits_in_loop
# level: unsafe
# config: [codemods.gather_awaits_in_loop]
# config: limit = 2
"""Not more calls at once than the limit allows."""

import asyncio


async def fetch_size(path: str) -> int:
    await asyncio.sleep(0.001)
    return len(path)


async def sizes(paths) -> list[int]:
    found = []
    for path in paths:
        found.append(await fetch_size(path))
    return found


async def main():
    return await sizes(iter(["a", "bb", "ccc"])), await sizes({"k": 1}), await sizes("xyz"), await sizes(())
