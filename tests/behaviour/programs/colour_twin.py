# codemods: color_call_graph
# level: unsafe
# config: [codemods.color_call_graph]
# config: twin = ["service.report", "Client.get"]
"""Published functions stay, coroutines use their twins, over files and overriding methods."""

import service
from client import Client, Loud
from service import report

effects = []


def published(client):
    return report(2), client.get(1)


async def main():
    clients = [Client("a"), Loud("b")]
    found = [client.get(number) for number, client in enumerate(clients)]
    loud: Loud = clients[1]
    effects.append(loud.get(5))
    return published(clients[0]), found, report(3), service.report(1)["rows"], sum(report(n)["n"] for n in range(3))


# file: client.py
import time


def query(number):
    time.sleep(0.001)
    return number * 2


class Client:
    def __init__(self, name):
        self.name = name

    def get(self, number):
        return self.name, self._ask(number), query(number)

    @staticmethod
    def _ask(number): return query(number)


class Loud(Client):
    def get(self, number):
        print("loud", number)
        return super().get(number)


# file: service.py
from client import (
    Client,
    query,  # the slow one
)


def report(number):
    client = Client("report")
    if number > 2:
        return {"n": report(number - 1)["n"], "rows": ()}
    return {"n": query(number), "rows": [client.get(row) for row in range(number)]}
