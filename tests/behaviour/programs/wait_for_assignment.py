# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A value or a message that it took too long."""

import asyncio


async def render(pages: int) -> str:
    await asyncio.sleep(pages / 100)
    return "x" * pages


async def document(pages: int) -> str:
    try:
        text = await asyncio.wait_for(render(pages), timeout=0.1)
    except asyncio.TimeoutError as error:
        return f"too long: {error!r} {error.__cause__!r}"
    return text


async def main():
    return [await document(1), await document(100)]
