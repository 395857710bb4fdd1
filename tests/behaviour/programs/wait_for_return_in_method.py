# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""A method that returns what it waits for."""

import asyncio


class Printer:
    async def _print(self, text: str) -> int:
        await asyncio.sleep(0.01)
        return len(text)

    async def print(self, text: str) -> int:
        # The driver gives up after a second.
        return await asyncio.wait_for(self._print(text), 1.0)  # seconds


async def main():
    return await Printer().print("hello")
