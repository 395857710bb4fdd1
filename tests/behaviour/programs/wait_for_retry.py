# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""Several attempts, each with its own limit."""

import asyncio


async def connect(attempt: int) -> str:
    await asyncio.sleep(0.001 if attempt == 2 else 1)
    return f"attempt {attempt}"


async def main():
    missed = 0
    for attempt in range(4):
        try:
            connection = await asyncio.wait_for(connect(attempt), timeout=0.02)
        except asyncio.TimeoutError:
            missed += 1
            continue
        else:
            break
    return connection, missed
