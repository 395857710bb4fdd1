# codemods: replace_run_until_complete
# level: safe
"""An exception passes through, and the handler sees it."""

import asyncio


async def work():
    await asyncio.sleep(0)
    raise ValueError("broken")


def start():
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work())
    except ValueError as error:
        print("failed:", error)
    finally:
        loop.close()


if __name__ == "__main__":
    start()
