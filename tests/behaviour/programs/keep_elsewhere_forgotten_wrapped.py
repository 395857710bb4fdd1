# codemods: await_forgotten_coroutine
# level: none
"""A package that offers its coroutine functions without `await` as well."""

import shop.plain
from shop.client import notify


async def main():
    result = []
    shop.client.notify("a")
    notify("b")
    return result
# file: shop/__init__.py

# file: shop/client.py
async def notify(name: str) -> bool:
    return True
# file: shop/plain.py
import inspect

from shop import client


def offered(function):
    def call(*args):
        coroutine = function(*args)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value

    return call


for name in dir(client):
    if inspect.iscoroutinefunction(getattr(client, name)):
        setattr(client, name, offered(getattr(client, name)))
