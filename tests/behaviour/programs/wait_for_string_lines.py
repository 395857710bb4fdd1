# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A text over several lines, whose indentation belongs to it."""

import asyncio


async def store(text: str) -> list[str]:
    await asyncio.sleep(0.001)
    return text.split("\n")


async def main():
    lines = await asyncio.wait_for(store("""first
  second
third"""), 1)
    return lines
