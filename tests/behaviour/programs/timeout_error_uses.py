# codemods: replace_asyncio_timeout_error
# level: safe
"""Raised, compared, suppressed, inherited from, annotated."""

import asyncio
import contextlib


class Late(asyncio.TimeoutError):
    """Later than promised."""


def describe(error: "Exception | asyncio.TimeoutError") -> str:
    return "late" if isinstance(error, asyncio.TimeoutError) else "other"


async def main():
    seen = [describe(Late()), describe(ValueError()), describe(TimeoutError())]
    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(asyncio.sleep(1), 0.001)
    try:
        raise asyncio.TimeoutError("too late")
    except OSError as error:
        seen.append(str(error))
    handlers = {asyncio.TimeoutError: "t", KeyError: "k"}
    seen.append(handlers[TimeoutError])
    return seen, Late.__mro__[1].__name__
