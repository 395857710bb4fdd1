# codemods: gather_sequential_awaits
# level: none
"""What is printed has an order."""

import asyncio


async def tell(text, delay):
    await asyncio.sleep(delay)
    print(text)
    return len(text)


async def main():
    one = await tell("once upon a time", 0.02)
    two = await tell("there was a loop", 0.005)
    return one, two
