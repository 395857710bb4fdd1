# codemods: color_call_graph
# level: none
# config: [codemods.color_call_graph]
# config: twin = ["size", "report", "ask"]
"""What cannot have a twin stays, and so do the coroutines that call it."""

import time

effects = []


class Client:
    @property
    def size(self):
        time.sleep(0.001)
        return 3


def pages(count):
    for number in range(count):
        time.sleep(0.001)
        yield number


def report(count):
    return list(pages(count))


def ask(number):
    time.sleep(0.001)
    return number


ask_async = ask


def instead(number):
    return -number


async def main():
    return Client().size, report(2), ask(3), ask_async(4)
