# codemods: replace_asyncio_timeout_error
# level: safe
"""Alone, in a tuple, in a tuple that has the other name already."""

import asyncio


async def late(kind):
    try:
        if kind == "alone":
            await asyncio.wait_for(asyncio.sleep(1), 0.001)
        elif kind == "tuple":
            raise ConnectionError
        else:
            raise TimeoutError(kind)
    except (asyncio.TimeoutError, ConnectionError) as error:
        return type(error).__name__, error.args


async def other():
    try:
        raise asyncio.TimeoutError
    except asyncio.TimeoutError:
        try:
            raise TimeoutError
        except (TimeoutError, asyncio.TimeoutError):
            return "both"


async def main():
    return [await late(kind) for kind in ("alone", "tuple", "else")], await other()
