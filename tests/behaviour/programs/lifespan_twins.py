# codemods: replace_on_event_with_lifespan
# level: unsafe
# also-with: fastapi-0.115
"""Two handlers of one name: both run, whatever the name stands for in the end."""

from fastapi import FastAPI

EVENTS = []
app = FastAPI()


@app.on_event("startup")
async def start():
    EVENTS.append("first")


@app.on_event("startup")
async def start():
    EVENTS.append("second")


async def main(base):
    EVENTS.clear()
    async with app.router.lifespan_context(app):
        EVENTS.append("up")
    return EVENTS
