# codemods: reuse_httpx_client
# level: unsafe
# also-with: fastapi-0.115
"""Endpoints that make a client for each request; the application runs its lifespan."""

import httpx
from fastapi import FastAPI, HTTPException

BASE = ""
app = FastAPI()


@app.get("/status/{code}")
async def status(code: int) -> int:
    async with httpx.AsyncClient(timeout=5) as client:
        response = await client.get(f"{BASE}/status/{code}")
    if response.status_code >= 400:
        raise HTTPException(502, "no answer")
    return response.status_code


@app.get("/json")
async def root():
    async with httpx.AsyncClient(timeout=5) as client:
        return (await client.get(f"{BASE}/json")).status_code


def transport():
    return httpx.ASGITransport(application())


def application():
    return app


async def main(base):
    global BASE
    BASE = base
    async with application().router.lifespan_context(application()):
        async with httpx.AsyncClient(transport=transport(), base_url="http://app") as client:
            paths = ("/status/200", "/status/404", "/status/x", "/json", "/json")
            return [(answer.status_code, answer.json()) for answer in [await client.get(path) for path in paths]]
