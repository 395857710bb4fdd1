# codemods: replace_asyncio_timeout_error
# level: none
"""A parameter has the name of the built-in class."""

import asyncio


async def guarded(TimeoutError):
    try:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)
    except asyncio.TimeoutError:
        return "late", TimeoutError


async def main():
    return await guarded(KeyError)
