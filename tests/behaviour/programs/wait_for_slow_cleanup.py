# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""What the callee does when its time is over: cleaning up, failing, or carrying on."""

import asyncio

effects = []


async def cleans():
    try:
        await asyncio.sleep(5)
    finally:
        await asyncio.sleep(0.02)
        effects.append("cleaned")


async def fails():
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        raise OSError("cannot stop") from None


async def swallows():
    try:
        await asyncio.sleep(5)
    except asyncio.CancelledError:
        effects.append("swallowed")
    return "late value"


async def attempt(function):
    try:
        if function is cleans:
            return await asyncio.wait_for(cleans(), 0.01)
        if function is fails:
            return await asyncio.wait_for(fails(), 0.01)
        return await asyncio.wait_for(swallows(), 0.01)
    except (OSError, asyncio.TimeoutError) as error:
        return type(error).__name__, str(error)


async def main():
    return [await attempt(cleans), await attempt(fails), await attempt(swallows)]
