# codemods: replace_run_until_complete
# level: unsafe
"""Several coroutines at once need one around them."""

import asyncio


async def work(number):
    await asyncio.sleep(0)
    return number


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    first, second = loop.run_until_complete(asyncio.gather(work(1), work(2)))
    print(first, second)
    loop.close()
