# codemods: replace_blocking_endpoint_with_def, offload_blocking_call
# level: any
"""Endpoints that block a server: one becomes a plain function, one waits for a thread; uvicorn answers other requests meanwhile."""

import asyncio
import threading
import time

import httpx
import uvicorn
from fastapi import FastAPI

app = FastAPI()
effects = []


@app.get("/plain/{number}")
async def plain(number: int) -> dict:
    time.sleep(0.1)
    return {"number": number}


@app.get("/mixed/{number}")
async def mixed(number: int) -> dict:
    await asyncio.sleep(0)
    time.sleep(0.1)
    return {"number": number * 2}


@app.get("/quick")
async def quick() -> str:
    await asyncio.sleep(0)
    return "quick"


async def main():
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        paths = ["/plain/1", "/plain/2", "/mixed/3", "/mixed/4", "/quick", "/plain/x"]
        answers = await asyncio.gather(*[client.get(path) for path in paths])
    server.should_exit = True
    await asyncio.to_thread(thread.join)
    return [(answer.status_code, answer.json() if answer.is_success else None) for answer in answers]
