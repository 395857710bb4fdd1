# codemods: reuse_httpx_client
# level: none
"""Clients that must not be shared: cookies, headers of each item, two event loops, and one call."""

import asyncio

import httpx


async def login(base, name):
    async with httpx.AsyncClient(cookies={"name": name}) as client:
        return (await client.get(f"{base}/status/200")).status_code


async def visit(base, token):
    async with httpx.AsyncClient(headers={"Authorization": token}) as client:
        return (await client.get(f"{base}/json")).status_code


async def single(base):
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{base}/json")).status_code


def in_own_loop(base):
    return [asyncio.run(single(base)) for _ in range(2)]


async def main(base):
    first = await asyncio.gather(*[login(base, name) for name in "ab"])
    second = await asyncio.gather(*[visit(base, token) for token in "xy"])
    third = await asyncio.to_thread(in_own_loop, base)
    return first, second, third
