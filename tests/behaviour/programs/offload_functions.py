# codemods: offload_blocking_call
# level: unsafe
# unblocks: 100
"""Functions and lambdas that block, called at once or for each element."""

import time


async def main():
    seen = []

    def slow(number):
        time.sleep(0.05)
        seen.append(number)
        return -number

    quick = lambda number: (time.sleep(0.01), number + 1)[1]
    first = slow(1), quick(1)
    mapped = list(map(slow, [2, 3])), sum(map(quick, [4, 5]))
    kept = list(filter(lambda number: time.sleep(0.05) or number > 6, [6, 7]))
    ordered = sorted([1, 3, 2], key=slow), max([1, 2], key=quick)
    stopped = any(map(slow, [8, 9]))
    try:
        slow(None)
    except TypeError as error:
        return first, mapped, kept, ordered, stopped, seen, str(error)
