# codemods: use_async_for
# level: unsafe
# expect: differs
"""The clean-up of a generator that is left early runs before what follows the loop."""

import asyncio

effects = []


async def rows():
    try:
        for row in range(3):
            await asyncio.sleep(0)
            yield row
    finally:
        await asyncio.sleep(0)
        effects.append("closed")


async def main():
    async for row in rows():
        if row == 1:
            break
    effects.append("behind")
    await asyncio.sleep(0.01)
    return row
