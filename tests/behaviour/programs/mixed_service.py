# codemods: gather_sequential_awaits, replace_wait_for_with_timeout, replace_asyncio_timeout_error, replace_time_sleep, replace_async_timeout
# level: safe
# target: py312
"""A service that needs several codemods at once."""

import asyncio
import time

import async_timeout

effects = []


async def rate(currency: str) -> float:
    await asyncio.sleep(0.005)
    return len(currency) / 2


async def fee(currency: str) -> float:
    await asyncio.sleep(0.005)
    return 0.25


async def quote(currency: str, amount: int) -> float:
    value = await rate(currency)
    extra = await fee(currency)
    return amount * value + extra


async def insist(currency: str) -> float:
    for attempt in range(3):
        try:
            return await asyncio.wait_for(quote(currency, attempt), timeout=0.5)
        except asyncio.TimeoutError:
            effects.append("late")
            time.sleep(0.01)
    return -1.0


async def patient() -> str:
    try:
        async with async_timeout.timeout(0.02):
            await asyncio.sleep(1)
    except (asyncio.TimeoutError, OSError):
        effects.append("gave up")
    return "done"


async def main():
    return await insist("EUR"), await patient()
