# codemods: replace_run_until_complete
# level: none
"""The caller of a library function goes on with its own loop."""

import asyncio


async def work():
    return 1


def sync_api(loop):
    asyncio.set_event_loop(loop)
    return asyncio.get_event_loop().run_until_complete(work())


if __name__ == "__main__":
    loop = asyncio.new_event_loop()
    print(sync_api(loop))
    print(sync_api(loop), asyncio.get_event_loop() is loop)
    loop.close()
