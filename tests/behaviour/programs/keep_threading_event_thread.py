# codemods: replace_threading_primitive
# level: none
"""A thread sets the event: asyncio's would not wake the loop."""

import threading


async def main():
    done = threading.Event()
    thread = threading.Timer(0.01, done.set)
    thread.start()
    return done.wait(5)
