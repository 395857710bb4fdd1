# codemods: color_call_graph
# level: unsafe
"""What coroutines run at once writes by a callback and goes over an iterator: the reason says so."""

import asyncio
import json
import time

seen = []
feed = iter(range(4))


def remember(value):
    seen.append(value)
    return len(seen)


def report(number):
    time.sleep(0.001)
    return json.dumps({"n": {number}}, default=remember), [*feed][:1]


async def one(number):
    return report(number)


async def main():
    return await one(1), await one(2)
