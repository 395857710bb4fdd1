# codemods: replace_future_result, offload_blocking_call
# level: any
# unblocks: 400
"""Futures of executors are awaited: values, exceptions, limits and their order stay."""

import concurrent.futures
import sys
import time


def work(number, wait=0.05):
    time.sleep(wait)
    if number < 0:
        raise ValueError(number)
    return number * 2


async def main():
    seen = []
    executor = concurrent.futures.ThreadPoolExecutor(2)
    seen.append(executor.submit(work, 3, wait=0.1).result())
    futures = [executor.submit(work, number) for number in (1, 2, 3)]
    seen.append([future.result() for future in futures])
    seen.append(sum(future.result() for future in futures))
    seen.append(list(executor.map(work, [4, 5])))
    try:
        executor.submit(work, -1).result()
    except ValueError as error:
        seen.append(error.args)
    late = executor.submit(work, 6, wait=0.3)
    try:
        late.result(timeout=0.05)
    except concurrent.futures.TimeoutError:
        seen.append((late.cancelled(), late.result()))
    failed = executor.submit(work, -2)
    seen.append(repr(failed.exception()))
    for doubled in executor.map(work, [7, 8]):
        seen.append(doubled)
    waiting = [executor.submit(work, number) for number in (9, 10)]
    done, left = concurrent.futures.wait(waiting)
    seen.append((sorted(future.result() for future in done), left))
    both = [executor.submit(work, 1, wait=0.15), executor.submit(work, 2, wait=0.01)]
    seen.append([future.result() for future in concurrent.futures.as_completed(both)])
    executor.shutdown()
    return seen
