# codemods: reraise_cancelled_error
# level: none
"""A loop that swallows cancellations, a clean-up that does, and a task that ends when it is asked to."""

import asyncio

effects = []


async def stubborn():
    while len(effects) < 2:
        try:
            await asyncio.sleep(0.01)
        except BaseException:
            effects.append("swallowed")
    return "ended normally"


async def polite(queue):
    while True:
        try:
            await queue.get()
        except asyncio.CancelledError:
            return "stopped"


async def close(first):
    try:
        await first.wait_closed()
    except BaseException:
        pass
    effects.append("closed")


async def main():
    one = asyncio.create_task(stubborn())
    two = asyncio.create_task(polite(asyncio.Queue()))
    for _ in range(2):
        await asyncio.sleep(0.001)
        one.cancel()
    two.cancel()
    await close(None)
    return await one, await two
