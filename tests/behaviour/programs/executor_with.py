# codemods: replace_future_result
# level: unsafe
# unblocks: 200
"""Work that only the end of a block waits for, whether it ends or fails."""

import time
from concurrent.futures import ThreadPoolExecutor

done = []


def work(number):
    time.sleep(0.15 * number)
    done.append(number)


async def all_of(numbers):
    with ThreadPoolExecutor(max_workers=2) as executor:
        for number in numbers:
            executor.submit(work, number)
    return sorted(done)


async def failing(numbers):
    with ThreadPoolExecutor() as executor:
        executor.submit(work, numbers[0])
        return numbers[9]


async def main():
    first = await all_of([1, 2])
    try:
        await failing([0.5])
    except IndexError as error:
        return first, done, str(error)
