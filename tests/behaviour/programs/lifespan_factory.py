# codemods: replace_on_event_with_lifespan
# level: safe
# also-with: fastapi-0.115
"""Applications that a function makes: each has its own handlers, closures over what it was given."""

from fastapi import FastAPI


def create_app(name, events):
    app = FastAPI(
        title=name,
        docs_url=None,  # none in tests
    )

    @app.on_event("startup")
    async def connect():
        events.append(f"connect {name} {app.title}")

    @app.on_event("shutdown")
    def disconnect():
        events.append(f"disconnect {name}")

    return app


async def main(base):
    events = []
    one, other = create_app("one", events), create_app("other", events)
    async with one.router.lifespan_context(one):
        async with other.router.lifespan_context(other):
            events.append("both")
    return events
