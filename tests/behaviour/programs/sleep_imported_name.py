# codemods: replace_time_sleep
# level: safe
"""`sleep` by name, and by another name; the value of a pause is None."""

import asyncio
from time import monotonic, sleep
from time import sleep as nap


async def main():
    begin = monotonic()
    sleep(0.02)
    value = nap(0.01)
    await asyncio.sleep(0)
    return value, monotonic() - begin >= 0.03
