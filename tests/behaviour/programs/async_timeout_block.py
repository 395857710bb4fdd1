# codemods: replace_async_timeout
# level: safe
"""The package's most common form."""

import asyncio

import async_timeout


async def fetch(delay: float) -> str:
    try:
        async with async_timeout.timeout(0.03):
            await asyncio.sleep(delay)
            return "in time"
    except asyncio.TimeoutError as error:
        return f"late {error.args}"


async def main():
    return [await fetch(0.001), await fetch(1)]
