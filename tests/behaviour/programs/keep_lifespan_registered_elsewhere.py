# codemods: replace_on_event_with_lifespan
# level: none
# also-with: fastapi-0.92 fastapi-0.115
"""A function that is given the application registers more handlers: they would never run beside a lifespan."""

from fastapi import FastAPI

EVENTS = []


def add_metrics(application):
    async def flush():
        EVENTS.append("flush")

    application.add_event_handler("shutdown", flush)


app = FastAPI()
app.add_event_handler = app.router.add_event_handler
add_metrics(app)


@app.on_event("startup")
async def connect():
    EVENTS.append("connect")


async def main(base):
    EVENTS.clear()
    async with app.router.lifespan_context(app):
        EVENTS.append("up")
    return EVENTS
