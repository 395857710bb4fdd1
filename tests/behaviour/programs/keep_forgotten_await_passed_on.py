# codemods: await_forgotten_coroutine
# level: none
"""Coroutines that are awaited elsewhere, and calls that only look alike."""

import asyncio

effects = []


async def job(number):
    await asyncio.sleep(0)
    effects.append(number)
    return number


def start(number):
    return job(number)


class Plain:
    def save(self):
        effects.append("saved")


class Store:
    async def save(self):
        effects.append("stored")


async def main():
    kept = job(1)
    several = [job(2), job(3)]
    several.append(start(4))
    chosen = job(5) if effects else job(6)
    job(7).close()
    Plain().save()
    await Store().save()
    return await kept, await asyncio.gather(*several), await chosen
