# codemods: replace_on_event_with_lifespan
# level: safe
# also-with: fastapi-0.115
"""Handlers of every form run in the order in which they were registered, at both ends; requests are answered in between."""

import httpx
from fastapi import FastAPI

EVENTS = []
pool = None


def first():
    EVENTS.append("first")


app = FastAPI(on_startup=[first])


@app.on_event("startup")
async def connect():
    global pool
    pool = "pool"
    EVENTS.append("connect")


@app.on_event("shutdown")
async def disconnect():
    EVENTS.append(f"disconnect {pool}")


def warm(times: int = 2):
    if pool is None:
        return
    EVENTS.append(f"warm {pool} {times}")


app.router.add_event_handler("startup", warm)


@app.get("/")
async def root():
    return {"pool": pool, "events": EVENTS}


@app.on_event("shutdown")
@app.get("/bye")
def bye():
    EVENTS.append("bye")
    return "bye"


async def main(base):
    EVENTS.clear()
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
        async with app.router.lifespan_context(app):
            answer = (await client.get("/")).json()
            bye = (await client.get("/bye")).text
    return answer, bye, EVENTS
