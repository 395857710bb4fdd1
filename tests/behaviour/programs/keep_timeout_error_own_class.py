# codemods: replace_asyncio_timeout_error
# level: none
"""The bare name means another class here."""

import asyncio


class TimeoutError(Exception):
    """The printer does not answer."""


async def status():
    try:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)
    except asyncio.TimeoutError:
        raise TimeoutError("printer") from None


async def main():
    try:
        await status()
    except TimeoutError as error:
        return str(error), isinstance(error, asyncio.TimeoutError)
