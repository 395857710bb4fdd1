# codemods: color_call_graph
# level: unsafe
"""Tests behind a decorator that runs them twice: they stay plain, and start event loops, also in what they give to others."""

import unittest

from api import effects, fetch, pages, times


def within(function, *args, **kwargs):
    return function(*args, **kwargs)


class FetchTest(unittest.TestCase):
    @times(2)
    def test_fetch(self):
        self.assertEqual(fetch(1), 1)
        self.assertEqual([fetch(number) for number in (2, 3)], [2, 3])
        with self.assertRaises(ValueError):
            fetch(-1)
        self.assertRaises(ValueError, fetch, -2)

    @times(1)
    def test_given(self):
        self.assertEqual(within(fetch, number=5), 5)

    def test_pages(self):
        self.assertEqual(list(pages(2)), [0, 1])


def main():
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(FetchTest).run(result)
    return result.testsRun, [str(text).splitlines()[-1] for _, text in result.failures + result.errors], effects
# file: api.py
import time

effects = []


def fetch(number):
    if number < 0:
        raise ValueError(number)
    time.sleep(0.001)
    effects.append(number)
    return number


def pages(count):
    for number in range(count):
        yield fetch(number)


def times(count):
    def decorate(function):
        def run(self):
            for _ in range(count):
                function(self)

        return run

    return decorate
