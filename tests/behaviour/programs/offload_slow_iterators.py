# codemods: offload_blocking_call
# level: unsafe
# unblocks: 60
"""Iterators whose steps block are read in a thread, in order, and their end is no exception."""

import time


class Slow:
    def __init__(self, count):
        self.left = count

    def __iter__(self):
        return self

    def __next__(self):
        time.sleep(0.02)
        if not self.left:
            raise StopIteration
        self.left -= 1
        return self.left


def ticks(count):
    for number in range(count):
        time.sleep(0.02)
        yield number


async def main():
    slow = Slow(3)
    first = next(slow, "end")
    rest = list(slow)
    source = ticks(4)
    return first, rest, next(slow, "end"), next(source, None), sum(source), sorted(ticks(3))
