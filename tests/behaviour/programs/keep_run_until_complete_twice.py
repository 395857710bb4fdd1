# codemods: replace_run_until_complete
# level: none
"""What the first run leaves goes on in the second."""

import asyncio

effects = []


async def background():
    try:
        await asyncio.sleep(0.01)
        effects.append("done")
    except asyncio.CancelledError:
        effects.append("cancelled")
        raise


async def setup():
    effects.append(asyncio.ensure_future(background()) is not None)


async def use():
    await asyncio.sleep(0.03)


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(setup())
    loop.run_until_complete(use())
    loop.close()
    print(effects)
