# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A cancellation from outside is no timeout, and clean-up runs once."""

import asyncio


async def main():
    effects = []

    async def transfer():
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            effects.append("cleaning")
            await asyncio.sleep(0.005)
            effects.append("clean")
            raise

    async def limited():
        try:
            await asyncio.wait_for(transfer(), 3)
        except asyncio.TimeoutError:
            effects.append("timeout")
        finally:
            effects.append("finally")

    task = asyncio.create_task(limited())
    await asyncio.sleep(0.01)
    task.cancel("shut down")
    try:
        await task
    except asyncio.CancelledError:
        effects.append("cancelled")
    return effects, task.cancelled()
