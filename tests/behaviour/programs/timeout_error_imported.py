# codemods: replace_asyncio_timeout_error
# level: safe
"""Imported by name, and under another name."""

import asyncio
from asyncio import TimeoutError as AsyncTimeoutError
from asyncio import sleep, wait_for


async def main():
    seen = []
    try:
        await wait_for(sleep(1), 0.001)
    except AsyncTimeoutError:
        seen.append("late")
    try:
        raise asyncio.exceptions.TimeoutError
    except AsyncTimeoutError as error:
        seen.append(type(error).__qualname__)
    return seen, asyncio.current_task() is not None
