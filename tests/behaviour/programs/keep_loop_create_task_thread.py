# codemods: replace_loop_create_task
# level: none
"""The loop is used from a thread, where `asyncio.create_task` would raise."""

import asyncio
import threading

effects = []


async def job():
    effects.append("ran")


async def main():
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def work():
        def start():
            loop.create_task(job()).add_done_callback(lambda _: asked.set())

        loop.call_soon_threadsafe(start)

    thread = threading.Thread(target=work)
    thread.start()
    await asked.wait()
    thread.join()
    return effects == ["ran"]
