# codemods: replace_blocking_endpoint_with_def
# level: safe
# also-with: fastapi-0.92 fastapi-0.115
# unblocks: 400
"""Endpoints that sleep and ask other servers, their errors and their validation; requests are answered at the same time."""

import asyncio
import time

import httpx
import requests
from fastapi import FastAPI, HTTPException

app = FastAPI()
BASE = ""


@app.get("/slow/{number}")
async def slow(number: int) -> dict:
    time.sleep(0.2)
    return {"number": number}


@app.get("/ask")
async def ask(code: int = 200):
    response = requests.get(f"{BASE}/status/{code}")
    if response.status_code >= 400:
        raise HTTPException(502, f"answered {response.status_code}")
    return pick(response)


def pick(response) -> dict:
    return {"status": response.status_code, "ok": response.ok}


@app.get("/kept")
async def kept() -> str:
    await asyncio.sleep(0)
    return "kept"


async def main(base):
    global BASE
    BASE = base
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        answers = await asyncio.gather(*[client.get(f"/slow/{number}") for number in range(4)])
        found = [answer.json() for answer in answers]
        for path in ("/ask", "/ask?code=404", "/ask?code=x", "/slow/x", "/kept"):
            answer = await client.get(path)
            found.append((answer.status_code, answer.json()))
    return found
