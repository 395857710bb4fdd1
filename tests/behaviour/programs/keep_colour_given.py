# codemods: color_call_graph
# level: none
"""A call that may mean a method that waits and one that does not, data with an object of the project in it, and a reader of JSON that makes some."""

import json
import time

effects = []


class Slow:
    def rows_of(self, number):
        time.sleep(0.001)
        return [number]


class Fast:
    def rows_of(self, number):
        return [-number]


class Client:
    def get(self, number, default=None):
        time.sleep(0.001)
        return number


class Page:
    def json(self):
        return Client()


class Settings(dict):
    def pop(self, key):
        time.sleep(0.001)
        return super().pop(key)


def read(page):
    return page.json().get(3)


def put():
    answer = json.loads("{}")
    answer["client"] = Client()
    return answer["client"].get(4)


def take(settings):
    settings["a"] = 1
    return settings.pop("a")


async def main():
    return [source.rows_of(2) for source in (Slow(), Fast())], read(Page()), put(), take(Settings()), take({})
