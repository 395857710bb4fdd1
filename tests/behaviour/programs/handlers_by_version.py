# codemods: replace_on_event_with_lifespan
# level: optional
# also-with: fastapi-0.92 fastapi-0.115
"""Handlers of start and end run whatever the version: an application that swallows `lifespan=` keeps `@app.on_event`."""

from fastapi import FastAPI
from fastapi.testclient import TestClient

events = []
app = FastAPI()


@app.on_event("startup")
async def connect():
    events.append("connect")


@app.on_event("shutdown")
def disconnect():
    events.append("disconnect")


@app.get("/")
async def root():
    return {"events": list(events)}


def main():
    with TestClient(app) as client:
        answer = client.get("/").json()
    print(answer, events)


if __name__ == "__main__":
    main()
