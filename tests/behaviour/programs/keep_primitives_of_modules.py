# codemods: move_primitive_into_loop
# level: none
# target: py39
"""Primitives that other code, another loop or another time may ask for."""

import asyncio

effects = []

__all__ = ["exported", "main"]

exported = asyncio.Lock()
stopped = asyncio.Event()
current = asyncio.Queue()
inner = asyncio.Lock()
outer = asyncio.Condition(inner)
SIZES = [2]
sized = asyncio.Queue(SIZES[0])


def stop():
    stopped.set()


class Store:
    lock = asyncio.Lock()

    async def save(self, row, held=inner):
        async with self.lock, exported:
            effects.append((row, held.locked()))


async def renew():
    global current
    old, current = current, asyncio.Queue()
    return old is not current


async def main():
    await asyncio.gather(Store().save(1), Store().save(2))
    stop()
    await stopped.wait()
    async with outer:
        effects.append(inner.locked())
    await sized.put(1)
    return await renew(), current.qsize(), sized.maxsize
