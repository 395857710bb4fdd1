# codemods: use_async_with
# level: unsafe
"""What stands before the closing stays in a `finally` of its own."""

import asyncio

effects = []


class Channel:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await self.close()
        return None

    async def close(self):
        await asyncio.sleep(0)
        effects.append("closed")


async def use(fails):
    channel = Channel()
    try:
        effects.append(type(channel).__name__)
        if fails:
            raise ValueError("body")
    finally:
        effects.append("flushed")
        await channel.close()


async def main():
    await use(False)
    return (await asyncio.gather(use(True), return_exceptions=True))[0].args
