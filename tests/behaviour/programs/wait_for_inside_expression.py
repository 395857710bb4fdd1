# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""The awaited value is a part of something larger."""

import asyncio


async def probe(host: str) -> bool:
    await asyncio.sleep(0.001 if host != "slow" else 1)
    return host.startswith("a")


async def main():
    rows = []
    table = {}
    for host in ("alpha", "beta"):
        rows.append((host, await asyncio.wait_for(probe(host), 0.5)))
        table[host] = [1, await asyncio.wait_for(probe(host), 0.5), 2]
    total = 1
    total += await asyncio.wait_for(probe("alpha"), 0.5)
    try:
        rows.append(("slow", await asyncio.wait_for(probe("slow"), 0.02)))
    except TimeoutError:
        rows.append(("slow", None))
    return rows, table, total
