# codemods: gather_sequential_awaits
# level: none
"""Items come in an order, and the first one says what the second one is."""

import asyncio


async def main():
    queue = asyncio.Queue()
    asyncio.get_running_loop().call_later(0.01, queue.put_nowait, "head")
    asyncio.get_running_loop().call_later(0.02, queue.put_nowait, "body")
    head = await queue.get()
    body = await queue.get()
    return head, body
