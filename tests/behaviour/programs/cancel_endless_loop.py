# codemods: reraise_cancelled_error
# level: unsafe
# expect: differs
# gives: 'cancelled'
"""A bare `except` in an endless loop: the task could not be cancelled."""

import asyncio


async def poll(rounds: list):
    while len(rounds) < 3:
        try:
            rounds.append(len(rounds))
            await asyncio.sleep(0.05)
        except:
            pass
    return "not cancelled"


async def main():
    task = asyncio.create_task(poll([]))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.wait([task])
    return "cancelled" if task.cancelled() else task.result()
