# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A call over several lines, with comments in it."""

import asyncio


async def build(name: str, *, parts: int, colour: str) -> dict:
    await asyncio.sleep(0.005)
    return {"name": name, "parts": parts, "colour": colour}


async def main():
    first = await asyncio.wait_for(
        build(
            "chair",
            parts=4,
            colour="red",
        ),
        timeout=0.5,
    )
    # The second one is larger.
    second = await asyncio.wait_for(build("table", parts=5, colour="blue"), timeout=0.5)

    return first, second
