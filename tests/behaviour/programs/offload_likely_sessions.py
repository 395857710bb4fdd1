# codemods: offload_blocking_call
# level: unsafe
"""Sessions that may be left out, that functions and properties give, and that callers pass."""

import functools
from typing import Optional

import requests

_session = None


def get_session():
    global _session
    if _session is None:
        _session = requests.Session()
    return _session


class Tagged(requests.Session):
    def request(self, method, url, **options):
        options.setdefault("headers", {"X-Tag": "t"})
        return super().request(method, url, **options)


class Client:
    def __init__(self, session=None):
        self.given = session or requests.Session()

    @functools.cached_property
    def own(self):
        return requests.Session()

    async def status(self, url):
        return self.given.get(url).status_code, self.own.get(url).status_code


async def optional(url: str, session: Optional[requests.Session] = None) -> int:
    session = session or requests.Session()
    return session.get(url).status_code


async def passed(session, url):
    return session.head(url).status_code


async def tagged(session: Tagged, url: str) -> int:
    return session.get(url).status_code


async def nothing(url, session=None):
    try:
        if url is None:
            session = requests.Session()
        return session.get(url)
    except AttributeError:
        return "no session"


async def main(base):
    url = base + "/json"
    with requests.Session() as session:
        given = await passed(session, url)
    return (
        await Client().status(url),
        await optional(url),
        given,
        get_session().get(url).status_code,
        await tagged(Tagged(), url),
        await nothing(url),
    )
