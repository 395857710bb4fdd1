# codemods: color_call_graph
# level: safe
"""A coroutine function that claims what it has tested before it calls what waits: nobody comes in between."""

import asyncio
import time

running = set()
done = []


def work(key):
    time.sleep(0.001)
    return key.upper()


async def once(key):
    if key in running:
        return None
    running.add(key)
    found = work(key)
    done.append(found)
    return found


async def run():
    print(await asyncio.gather(once("a"), once("a"), once("b")), sorted(done))


if __name__ == "__main__":
    asyncio.run(run())
