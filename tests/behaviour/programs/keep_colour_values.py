# codemods: color_call_graph
# level: none
"""What waits is handed on as a value, read as a property, or called by Python itself: a coroutine would arrive where nobody waits for it."""

import functools
import operator
import time
from concurrent.futures import ThreadPoolExecutor

effects = []


def rank(number):
    time.sleep(0.001)
    return -number


class Remote:
    @property
    def size(self):
        return self.measure()

    def measure(self):
        time.sleep(0.001)
        return 3

    def __contains__(self, key):
        time.sleep(0.001)
        return key == 1

    def do_look(self, what):
        time.sleep(0.001)
        return what

    def command(self, name, what):
        return getattr(self, "do_" + name)(what)


@functools.lru_cache
def known(number):
    time.sleep(0.001)
    return number


class Tokens:
    def __init__(self, items):
        self.items = iter(items)

    def advance(self):
        time.sleep(0.001)
        return next(self.items)


def drain(tokens):
    while True:
        try:
            effects.append(tokens.advance())
        except StopIteration:
            return


def work():
    with ThreadPoolExecutor(1) as pool:
        effects.append(pool.submit(rank, 1).result())
    effects.append(sorted([1, 3, 2], key=rank))
    effects.append({"rank": rank}["rank"](4))
    effects.append((Remote().size, 2 in Remote(), Remote().command("look", "up"), known(1), known(1)))
    drain(Tokens([1, 2]))


async def main():
    work()
    return operator.itemgetter(0)(effects)
