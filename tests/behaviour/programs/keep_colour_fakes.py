# codemods: color_call_graph
# level: none
"""Fakes that could not be awaited, or would not get what they are given: in classes, behind decorators, by texts, of a kind of their own."""

import functools
import sys
import time
from unittest import mock
from unittest.mock import MagicMock, patch

effects = []


def logged(function):
    @functools.wraps(function)
    def inner(*args):
        effects.append(function.__name__)
        return function(*args)

    return inner


class Client:
    def by_lambda(self, number):
        time.sleep(0.001)
        return number

    @logged
    def behind(self, number):
        time.sleep(0.001)
        return number

    def of_a_kind(self, number):
        time.sleep(0.001)
        return number


def by_text(number):
    time.sleep(0.001)
    return number


class Counting:
    count = 0

    def __call__(self, number):
        self.count += 1
        return self.count


def by_object(number):
    time.sleep(0.001)
    return number


def by_name(number):
    time.sleep(0.001)
    return number


def replace(module):
    module.by_name = lambda number: 39


async def main():
    replace(sys.modules[__name__])
    client = Client()
    client.of_a_kind = MagicMock(spec=["__call__"], return_value=41)
    with (
        patch.object(Client, "by_lambda", lambda self, number: number + 1),
        patch.object(Client, "behind", return_value=3),
        mock.patch(f"{__name__}.by_text", lambda number: 40),
        mock.patch(__name__ + ".by_object", Counting()),
    ):
        return client.by_lambda(1), client.behind(1), client.of_a_kind(1), by_text(1), by_object(1), by_name(1)
