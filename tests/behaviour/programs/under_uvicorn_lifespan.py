# codemods: replace_on_event_with_lifespan
# level: safe
"""Handlers of an application that uvicorn serves: what they make is there for the first request, and gone when the server has stopped."""

import asyncio

import httpx
import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()
effects = []


@app.on_event("startup")
async def connect():
    await asyncio.sleep(0)
    app.state.pool = ["first", "second"]
    effects.append("connected")


@app.on_event("startup")
def warm():
    effects.append(f"warm with {len(app.state.pool)}")


@app.on_event("shutdown")
async def disconnect():
    app.state.pool.clear()
    effects.append("disconnected")


@app.get("/take")
async def take(request: Request) -> dict:
    return {"taken": request.app.state.pool.pop(), "left": len(request.app.state.pool)}


async def main():
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    answers = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        for _ in range(2):
            answer = await client.get("/take")
            answers.append((answer.status_code, answer.json()))
    server.should_exit = True
    await serving
    return answers, app.state.pool
