# codemods: replace_on_event_with_lifespan
# level: none
# also-with: fastapi-0.92 fastapi-0.115
"""An application with a lifespan, a router's handlers, handlers that another function registers or a condition chooses."""

from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

EVENTS = []


@asynccontextmanager
async def lifespan(app):
    EVENTS.append("up")
    yield
    EVENTS.append("down")


modern = FastAPI(lifespan=lifespan)


@modern.on_event("startup")
async def never():
    EVENTS.append("never")


router = APIRouter()


@router.on_event("startup")
async def twice():
    EVENTS.append("router")


included = FastAPI()
included.include_router(router)


@included.on_event("startup")
async def beside():
    EVENTS.append("beside")


chosen = FastAPI()

if EVENTS is not None:

    @chosen.on_event("startup")
    async def condition():
        EVENTS.append("condition")


async def main(base):
    EVENTS.clear()
    for app in (modern, included, chosen):
        async with app.router.lifespan_context(app):
            EVENTS.append("inside")
    return EVENTS
