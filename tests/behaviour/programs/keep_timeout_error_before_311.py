# codemods: replace_asyncio_timeout_error
# level: none
# target: py310
"""Two different classes before Python 3.11."""

import asyncio


async def main():
    try:
        await asyncio.wait_for(asyncio.sleep(1), 0.001)
    except asyncio.TimeoutError:
        return "late"
