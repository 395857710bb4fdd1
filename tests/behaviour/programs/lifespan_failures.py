# codemods: replace_on_event_with_lifespan
# level: safe
# also-with: fastapi-0.115
"""A startup handler that fails keeps the others and all shutdown handlers from running; a server that is cancelled runs the latter."""

import asyncio

from fastapi import FastAPI

EVENTS = []
broken = FastAPI()


@broken.on_event("startup")
async def fail():
    EVENTS.append("fail")
    raise RuntimeError("no database")


@broken.on_event("startup")
async def after_failure():
    EVENTS.append("after the failure")


@broken.on_event("shutdown")
async def close_broken():
    EVENTS.append("close broken")


served = FastAPI()


@served.on_event("shutdown")
async def close_served():
    EVENTS.append("close served")


@served.on_event("shutdown")
def fail_at_the_end():
    EVENTS.append("fail at the end")
    raise KeyError("file")


@served.on_event("shutdown")
def never():
    EVENTS.append("never")


async def talk(app, received):
    """The lifespan protocol as a server speaks it."""
    inbox = asyncio.Queue()
    await inbox.put({"type": "lifespan.startup"})

    async def send(message):
        received.append(message["type"])

    await app({"type": "lifespan", "state": {}}, inbox.get, send)


async def main(base):
    EVENTS.clear()
    received = []
    try:
        await talk(broken, received)
    except RuntimeError as error:
        EVENTS.append(repr(error))
    server = asyncio.create_task(talk(served, received))
    while "lifespan.startup.complete" not in received:
        await asyncio.sleep(0)
    server.cancel()
    try:
        await server
    except (asyncio.CancelledError, KeyError) as error:
        EVENTS.append(type(error).__name__)
    return received, EVENTS
