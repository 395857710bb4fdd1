# codemods: replace_wait_for_with_timeout
# level: safe
# target: py312
"""From 3.12 on, what the callee sets is seen by the caller, in both forms."""

import asyncio
import contextvars

current = contextvars.ContextVar("current", default="none")


async def enter(name):
    await asyncio.sleep(0)
    current.set(name)
    return asyncio.current_task()


async def main():
    task = await asyncio.wait_for(enter("inner"), 1)
    return current.get(), task is asyncio.current_task()
