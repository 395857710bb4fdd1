# codemods: offload_blocking_call
# level: none
"""Objects with methods of the same names, about which the module says nothing or something else."""

import requests

SENDERS = {}
SENDERS["fake"] = lambda url: len(url)


class Fake:
    def get(self, url):
        return len(url)


class Cached(requests.Session):
    def get(self, url):
        return len(url)


async def read(session, url):
    return session.get(url)


async def main(base):
    get = {"fake": requests.get}
    get["fake"] = Fake().get
    choose = max
    return (
        await read(Fake(), base),
        await read({base: 1}, base),
        Cached().get(base),
        SENDERS["fake"](base),
        get["fake"](base),
        choose(1, 2),
    )
