# codemods: replace_asyncio_timeout_error
# level: safe
# text: crlf
"""Handlers over several lines."""

import asyncio


async def main():
    try:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)
    except (
        asyncio.TimeoutError,  # ours
        asyncio.CancelledError,
    ) as error:
        return repr(error)
