# codemods: replace_future_result
# level: none
"""Objects with the methods of futures, futures of asyncio, and iterators of results that are handed on."""

import asyncio
import concurrent.futures


class Parser:
    def result(self):
        return "parsed"

    def map(self, function, values):
        return map(function, values)


def first(results):
    return next(results)


async def main():
    parser = Parser()
    task = asyncio.ensure_future(asyncio.sleep(0, "slept"))
    await asyncio.wait([task])
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        results = executor.map(len, ["a", "bc"])
        later = first(results)
    return parser.result(), task.result(), list(parser.map(str, [1])), later
