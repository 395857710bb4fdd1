# codemods: replace_time_sleep
# level: safe
"""Everywhere in a statement."""

import asyncio
import time as clock


async def main():
    seen = [clock.sleep(0.001), 1]
    seen.append((clock.sleep(0.001), 2))
    both = clock.sleep(0.001) or "done"
    if clock.sleep(0) is None:
        seen.append(both)
    all_of_them = [clock.sleep(pause) for pause in (0.001, 0.002)]
    await asyncio.sleep(0)
    return seen, all_of_them
