# codemods: gather_sequential_awaits
# level: none
"""A pause is a pause because nothing happens beside it."""

import asyncio

effects = []


async def press(button):
    effects.append(button)
    await asyncio.sleep(0)


async def main():
    await asyncio.sleep(0.01)
    await press("start")
    await asyncio.sleep(0.02)
    await press("stop")
    return list(effects)
