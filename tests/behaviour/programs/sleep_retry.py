# codemods: replace_time_sleep
# level: safe
"""A growing pause between attempts."""

import time

effects = []


async def send(attempt: int) -> str:
    effects.append(attempt)
    if attempt < 3:
        raise ConnectionError(attempt)
    return "sent"


async def deliver() -> str:
    for attempt in range(1, 5):
        try:
            return await send(attempt)
        except ConnectionError:
            time.sleep(0.005 * 2**attempt)  # give it time
    raise RuntimeError("not reached")


async def main():
    return await deliver()
