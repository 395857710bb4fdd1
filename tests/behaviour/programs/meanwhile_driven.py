# codemods: replace_time_sleep
# level: unsafe
# expect: differs
"""A coroutine that another file runs by `send`, without an event loop."""

import steps


def drive(coroutine):
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    except RuntimeError as error:
        return str(error)


def main():
    return drive(steps.step(4))


# file: steps.py
import time


async def step(n):
    time.sleep(0.01)
    return n * 2
