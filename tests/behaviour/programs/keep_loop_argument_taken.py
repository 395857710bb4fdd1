# codemods: remove_loop_argument
# level: none
"""What still takes a loop keeps it, and so do functions of the program."""

import asyncio


async def sleep(delay, loop=None):
    await asyncio.sleep(delay)
    return loop.is_running()


async def main():
    loop = asyncio.get_running_loop()
    future = asyncio.Future(loop=loop)
    future.set_result("done")
    reader = asyncio.StreamReader(loop=loop)
    reader.feed_data(b"data")
    reader.feed_eof()
    return await asyncio.ensure_future(future, loop=loop), await reader.read(), await sleep(0, loop=loop)
