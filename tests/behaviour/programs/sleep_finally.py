# codemods: replace_time_sleep
# level: unsafe
"""A pause in a clean-up could be cut short by a cancellation; here none comes."""

import asyncio
import time

effects = []


async def close():
    try:
        effects.append("flush")
        await asyncio.sleep(0.001)
    finally:
        time.sleep(0.001)
        effects.append("closed")


async def main():
    await close()
    return list(effects)
