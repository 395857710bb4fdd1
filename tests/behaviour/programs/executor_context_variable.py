# codemods: replace_run_in_executor
# level: unsafe
# expect: differs
"""The thread sees the caller's context variables, which it did not before."""

import asyncio
import contextvars

request = contextvars.ContextVar("request", default="unset")


async def main():
    request.set("caller")
    return await asyncio.get_running_loop().run_in_executor(None, request.get)
