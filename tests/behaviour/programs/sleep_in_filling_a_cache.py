# codemods: replace_time_sleep
# level: unsafe
# expect: differs
# gives: [1, 2]
"""A cache that is filled in the handler of a `KeyError`: with a wait in between, two tasks fill it."""

import asyncio
import time

cache = {}
made = []


def make(key):
    made.append(key)
    return len(made)


async def load(key):
    try:
        return cache[key]
    except KeyError:
        time.sleep(0.001)
        cache[key] = make(key)
        return cache[key]


async def main():
    return await asyncio.gather(load("a"), load("a"))
