# codemods: gather_sequential_awaits, replace_wait_for_with_timeout, replace_asyncio_timeout_error, replace_time_sleep, replace_async_timeout, replace_requests_with_httpx
# level: none
# requests: unordered
"""Modern code, in which nothing is to be done."""

import asyncio

import httpx


async def read(client: httpx.AsyncClient, path: str) -> int:
    async with asyncio.timeout(5):
        response = await client.get(path)
    response.raise_for_status()
    return len(response.content)


async def main(base):
    async with httpx.AsyncClient(base_url=base) as client:
        sizes = await asyncio.gather(*[read(client, f"/bytes/{n}") for n in (1, 2)])
        try:
            await read(client, "/status/500")
        except httpx.HTTPStatusError as error:
            code = error.response.status_code
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.sleep(0.001, "slept"))
    try:
        async with asyncio.timeout(0.001):
            await asyncio.sleep(1)
    except TimeoutError:
        return sizes, code, task.result()
