# codemods: color_call_graph
# level: none
"""Generators that end where somebody expects it, or that are handed on beside other things, stay as they are."""

import contextlib
import time

effects = []


def empty():
    time.sleep(0.001)
    effects.append("empty")
    yield from ()


def pages(count):
    for number in range(count):
        time.sleep(0.001)
        effects.append(number)
        yield number


class Client:
    def found(self):
        return pages(2)


class Cached(Client):
    def found(self):
        return [7, 8]


def end():
    with contextlib.suppress(StopIteration):
        return next(empty())
    return "ended"


async def main():
    clients = [Client(), Cached()]
    return end(), [list(client.found()) for client in clients]
