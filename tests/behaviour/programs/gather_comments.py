# codemods: gather_sequential_awaits
# level: safe
"""Comments, blank lines and calls over several lines between the awaits."""

import asyncio


async def read_section(name: str, depth: int = 1) -> str:
    await asyncio.sleep(0.01)
    return f"{name}:{depth}"


async def main():
    # What the page is about.
    title = await read_section("title")

    # The long part, with everything below it
    # down to the third level.
    body = await read_section(
        "body",
        3,  # the default shows too little
    )
    footer = await read_section("footer")  # legal text
    return title, body, footer
