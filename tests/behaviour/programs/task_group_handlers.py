# codemods: replace_gather_with_task_group
# level: unsafe
"""Handlers that only set a flag catch the group, by `except*` or as they are."""

import asyncio
import logging

logger = logging.getLogger("programs")
logger.disabled = True


async def load(key):
    await asyncio.sleep(0.001)
    if key < 0:
        raise ValueError(key)
    return key


async def starred(keys):
    state = "loaded"
    try:
        await asyncio.gather(*[load(key) for key in keys])
    except (ValueError, OSError) as error:
        logger.error("not loaded: %s", error)
        state = "failed"
    return state


async def everything(one, two):
    try:
        one, two = await asyncio.gather(load(one), load(two))
    except Exception:
        logger.exception("not loaded")
        return None
    return one + two


async def main():
    return [
        await starred([1, 2]),
        await starred([1, -2]),
        await starred([]),
        await everything(1, 2),
        await everything(1, -2),
    ]
