# codemods: gather_sequential_awaits
# level: safe
# text: crlf
"""The line endings of another system."""

import asyncio


async def part(number: int) -> str:
    await asyncio.sleep(0.01)
    return f"part {number}\n"


async def main():
    # head
    first = await part(1)
    second = await part(2)  # tail
    return first + second
