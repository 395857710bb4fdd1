# codemods: replace_blocking_endpoint_with_def
# level: none
# also-with: fastapi-0.92 fastapi-0.115
"""Endpoints that need the event loop or its thread, that are awaited elsewhere, or that change what others read."""

import asyncio
import sqlite3
import time
from contextvars import ContextVar

import httpx
from fastapi import FastAPI

app = FastAPI()
background = set()
current = ContextVar("current", default="nobody")
connection = sqlite3.connect(":memory:")
count = 0
queue = asyncio.Queue()


async def job() -> None:
    await asyncio.sleep(0)


@app.get("/task")
async def start_task() -> str:
    time.sleep(0.001)
    task = asyncio.create_task(job())
    background.add(task)
    task.add_done_callback(background.discard)
    return "started"


@app.get("/queue")
async def put() -> int:
    time.sleep(0.001)
    queue.put_nowait(1)
    return queue.qsize()


@app.get("/context")
async def context() -> str:
    time.sleep(0.001)
    current.set("somebody")
    return current.get()


@app.get("/count")
async def increase() -> int:
    global count
    before = count
    time.sleep(0.001)
    count = before + 1
    return count


@app.get("/sql")
async def sql() -> list:
    time.sleep(0.001)
    return connection.execute("select 1").fetchall()


@app.get("/inner")
async def inner() -> int:
    time.sleep(0.001)
    return 1


@app.get("/outer")
async def outer() -> int:
    return await inner()


async def main(base):
    global count
    count = 0
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        paths = ("/task", "/queue", "/context", "/count", "/sql", "/outer")
        answers = [(await client.get(path)).json() for path in paths]
    await asyncio.gather(*background)
    return answers
