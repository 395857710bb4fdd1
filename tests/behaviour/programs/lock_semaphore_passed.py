# codemods: use_lock_as_context_manager
# level: safe
"""A semaphore that an instance holds and hands to a helper."""

import asyncio


class Pool:
    def __init__(self, size: int) -> None:
        self.free = asyncio.BoundedSemaphore(size)
        self.most = self.now = 0

    async def use(self) -> int:
        await self.free.acquire()
        try:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return self.most
        finally:
            self.free.release()


async def main():
    pool = Pool(2)
    return await asyncio.gather(*[pool.use() for _ in range(5)]), pool.free.locked()
