# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""Imported by name, beside a local variable with the name of the new function."""

from asyncio import Event, TimeoutError, sleep, wait_for


async def answer(event: Event) -> int:
    await sleep(0.001)
    event.set()
    return 42


async def main():
    timeout = 0.5
    event = Event()
    value = await wait_for(answer(event), 0.5)
    try:
        await wait_for(sleep(1), 0.01)
    except TimeoutError:
        value += 1
    return value, timeout, event.is_set()
