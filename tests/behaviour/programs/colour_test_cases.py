# codemods: color_call_graph
# level: unsafe
"""Test cases by way of classes of other files, what runs before the tests, and tests that stay plain: each of them must really run."""

import unittest

import suite
from api import effects


def main():
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromModule(suite).run(result)
    failed = sorted(test.id() for test, _ in result.failures + result.errors)
    return result.testsRun, failed, sorted(effects)
# file: base.py
import unittest

from api import fetch


class Base(unittest.TestCase):
    def setUp(self):
        self.first = fetch(1)

    def made(self):
        return fetch(10)
# file: suite.py
from api import fetch, twice
from base import Base


class Mixed:
    def test_mixed(self):
        self.assertEqual(twice(2), 4)
        self.assertRaises(ValueError, fetch, -1)


class FetchTest(Mixed, Base):
    def setUp(self):
        super().setUp()
        self.second = fetch(20)

    def test_fetch(self):
        self.assertEqual(fetch(3), 3)

    def test_fails(self):
        self.assertEqual(twice(4), 9)

    def test_made(self):
        self.assertEqual(self.made() + self.first, 11)


class TestPlain(Base):
    def test_without_anything(self):
        self.assertEqual(self.first, 1)
# file: api.py
import time

effects = []


def fetch(number):
    if number < 0:
        raise ValueError(number)
    time.sleep(0.001)
    effects.append(number)
    return number


def twice(number):
    return fetch(number) * 2
