# codemods: color_call_graph
# level: unsafe
"""What a receiver is, functions say by what they return; one of several methods of a name is awaited where all of them turn; data is left alone."""

import json
import time

effects = []


class Client:
    def get(self, number):
        time.sleep(0.001)
        effects.append(number)
        return json.loads(f'{{"id": {number}, "of": [{{"id": 1}}]}}')

    def rows_of(self, number):
        return [part.get("id") for part in self.get(number)["of"]]


class Archive:
    def rows_of(self, number):
        time.sleep(0.001)
        return [number]


def connect(name=None):
    made = None
    if name is None:
        made = Client()
    return made


def pair():
    return connect(), {"get": 3}


def fill(params):
    if not params.get("method", None):
        params["method"] = "blob"
    return params


def explain(name):
    member = getattr(Client, name)
    return member.__name__, member.__qualname__, member.__doc__


async def main():
    client, settings = pair()
    sources = [client, Archive()]
    found = [source.rows_of(4) for source in sources]
    answer = client.get(5)
    return found, answer.get("id"), settings.get("get"), fill({}), explain("get"), connect("x")
