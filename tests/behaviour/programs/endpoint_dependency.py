# codemods: replace_blocking_endpoint_with_def
# level: unsafe
# also-with: fastapi-0.92 fastapi-0.115
"""A dependency that sleeps, with its own dependency, and an endpoint that a call registers."""

import time

import httpx
from fastapi import Depends, FastAPI

app = FastAPI()


async def number(start: int = 1) -> int:
    time.sleep(0.01)
    return start + 1


async def root(number: int = Depends(number)) -> int:
    return number


app.add_api_route("/", root)


async def main(base):
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        return [(await client.get(path)).json() for path in ("/", "/?start=5")]
