# codemods: replace_run_until_complete
# level: safe
"""The main block makes a loop, runs it and closes it."""

import asyncio

effects = []


async def ticks():
    try:
        for tick in range(3):
            yield tick
    finally:
        effects.append("closed")


async def work():
    async for tick in ticks():
        effects.append(tick)
    await asyncio.sleep(0)
    return "worked"


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        print(loop.run_until_complete(work()))
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
    print(effects)
