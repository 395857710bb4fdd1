# codemods: replace_wait_for_with_timeout
# level: unsafe
# target: py312
"""The limit comes from outside, and could be zero."""

import asyncio


async def ping(host: str) -> str:
    await asyncio.sleep(0.001)
    return f"pong {host}"


async def check(host: str, *, timeout: float = 1.0) -> str:
    return await asyncio.wait_for(ping(host), timeout)


async def main():
    return await check("a"), await check("b", timeout=0.5)
