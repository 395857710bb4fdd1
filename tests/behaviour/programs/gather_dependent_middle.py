# codemods: gather_sequential_awaits
# level: safe
"""Two groups with a dependent call between them."""

import asyncio


async def geocode(city: str) -> tuple[int, int]:
    await asyncio.sleep(0.01)
    return len(city), ord(city[0])


async def route(start: tuple[int, int], end: tuple[int, int]) -> int:
    await asyncio.sleep(0.01)
    return abs(start[0] - end[0]) + abs(start[1] - end[1])


async def weather(city: str) -> str:
    await asyncio.sleep(0.01)
    return "rain" if len(city) % 2 else "sun"


async def plan(start: str, end: str) -> tuple:
    here = await geocode(start)
    there = await geocode(end)
    distance = await route(here, there)
    today = await weather(start)
    tomorrow = await weather(end)
    return here, there, distance, today, tomorrow


async def main():
    return await plan("Oslo", "Lisbon")
