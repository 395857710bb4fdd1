# codemods: gather_sequential_awaits
# level: safe
"""Two groups, and the second one needs what the first one found."""

import asyncio


async def geocode(city: str) -> int:
    await asyncio.sleep(0.01)
    return len(city)


async def route(start: int, end: int) -> str:
    await asyncio.sleep(0.01)
    return f"from {start} to {end}"


async def weather(city: str) -> str:
    await asyncio.sleep(0.01)
    return "rain" if len(city) % 2 else "sun"


async def plan(start: str, end: str) -> tuple:
    here = await geocode(start)
    there = await geocode(end)
    way = await route(here, there)
    today = await weather(start)
    tomorrow = await weather(end)
    return here, there, way, today, tomorrow


async def main():
    return await plan("Oslo", "Lisbon")
