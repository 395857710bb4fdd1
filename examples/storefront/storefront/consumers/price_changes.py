"""Price changes, for the back office to fetch in batches."""

import asyncio


async def collect_batch(queue: asyncio.Queue[str], size: int) -> list[str]:
    """Take up to `size` items; stop early when the queue stays empty."""
    batch = []
    while len(batch) < size:
        try:
            item = await asyncio.wait_for(queue.get(), 0.1)
        except asyncio.TimeoutError:
            break
        batch.append(item)
        queue.task_done()
    return batch
