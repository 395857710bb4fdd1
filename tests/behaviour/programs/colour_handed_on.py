# codemods: color_call_graph
# level: unsafe
"""Generators that others hand on, of which the next one is asked for, or that return a value nobody gets, become asynchronous ones."""

import time
from collections import deque

effects = []


def refuse(number):
    effects.append(("refused", number))
    return number


class Client:
    def pages(self, count):
        if count > 3:
            return refuse(count)
        for number in range(count):
            time.sleep(0.001)
            effects.append(number)
            yield number

    def users(self):
        return self.pages(3)

    def names(self):
        found = self.users()
        return found


def first(client):
    found = client.names()
    found = next(found)
    return found


def rest(client):
    found = client.users()
    next(found)
    return list(found), deque(client.users()), list(client.pages(4))


async def main():
    client = Client()
    return first(client), rest(client), next(client.pages(2)), [name for name in client.names()]
