# codemods: replace_run_in_executor
# level: none
"""The work begins when the method is called, and what it returns is a future."""

import asyncio
import threading


async def main():
    loop = asyncio.get_running_loop()
    started = threading.Event()
    seen = []
    future = loop.run_in_executor(None, started.set)
    future.add_done_callback(lambda _: seen.append("done"))
    while not started.is_set():
        await asyncio.sleep(0.001)
    await future
    both = await asyncio.gather(*[loop.run_in_executor(None, pow, 2, n) for n in (1, 2)])
    await asyncio.sleep(0)
    return seen, both, await asyncio.wait_for(loop.run_in_executor(None, pow, 2, 3), 5)
