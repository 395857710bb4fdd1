# codemods: gather_sequential_awaits
# level: any
"""Async functions inside an async function, which read a variable of it."""

import asyncio


async def report(year: int):
    unit = "EUR"

    async def revenue(quarter: int) -> str:
        await asyncio.sleep(0.01)
        return f"{year}Q{quarter}: {100 * quarter} {unit}"

    async def half(start: int):
        first = await revenue(start)
        second = await revenue(start)
        return [first, second]

    return await half(3)


async def main():
    return await report(2024)
