# codemods: color_call_graph
# level: unsafe
"""What tests put in the place of functions that turn: mocks, lambdas and functions, on objects, classes and modules."""

from unittest import mock
from unittest.mock import MagicMock, Mock, patch

import api
from api import Client, effects, label


def fake_fetch(number):
    effects.append(("fake", number))
    return {"id": -number}


async def main():
    results = []
    client = Client("a")
    client.load = MagicMock(return_value={"id": 5})
    results.append((client.total([1, 2]), client.load.call_count, client.load.call_args_list == [mock.call(1), mock.call(2)]))
    client.load.assert_called_with(2)

    said_later = Client("b")
    said_later.load = Mock()
    said_later.load.return_value = {"id": 6}
    results.append(said_later.total([3]))
    said_later.load.side_effect = [{"id": 7}, {"id": 8}]
    results.append(said_later.total([3, 4]))

    unsaid = Client("c")
    unsaid.load = MagicMock()
    results.append(unsaid.name(1).count("Mock") > 0)

    computed = Client("d")
    computed.load = lambda number: {"id": number * 10}
    results.append(computed.total([1, 2]))

    with patch.object(Client, "load", new=Mock(side_effect=ValueError("broken"))):
        try:
            Client("e").total([1])
        except ValueError as error:
            results.append(f"raised {error}")
    with patch.object(api, "fetch", fake_fetch):
        results.append(label(2))
    with patch.object(api, "fetch") as fetch:
        fetch.return_value = {"id": 9}
        results.append((label(3), fetch.call_count))
    with patch.object(api, "fetch"):
        results.append(label(4).startswith("number <MagicMock"))
    return results
# file: api.py
import time

effects = []


def fetch(number):
    time.sleep(0.001)
    effects.append(("fetch", number))
    return {"id": number}


def label(number):
    answer = fetch(number)
    return f"number {answer.get('id')}"


class Client:
    def __init__(self, region):
        self.region = region

    def load(self, number):
        time.sleep(0.001)
        return {"id": number}

    def total(self, numbers):
        return sum(self.load(number)["id"] for number in numbers)

    def name(self, number):
        return repr(self.load(number).get("name"))
