# codemods: color_call_graph
# level: safe
"""An override family turns as one, with `super()`, class methods, aliases and a decorator that passes through; a class with the same method names stays."""

import functools
import time
from abc import ABC, abstractmethod

effects = []


def counted(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        effects.append(function.__name__)
        return function(*args, **kwargs)

    return inner


class Store(ABC):
    @abstractmethod
    def load(self, key): ...

    def both(self):
        return [self.load("a"), self.load("b")]


class Remote(Store):
    @classmethod
    def connect(cls):
        time.sleep(0.001)
        return cls()

    def load(self, key):
        time.sleep(0.001)
        return key * 2


class Louder(Remote):
    def load(self, key):
        return super().load(key).upper()

    read = load


class Fixed(Store):
    def load(self, key):
        return key


class Cache:
    def load(self, key):
        return ("cached", key)


@counted
def remote():
    return Remote.connect().load("r")


async def main():
    cache = Cache()
    return Louder().both(), Fixed().both(), Louder().read("x"), remote(), cache.load("c")
