# codemods: offload_blocking_call
# level: safe
"""`next` with a default becomes a loop that asks no more than it must; the value of `x += f()` is bound first."""

import asyncio
import subprocess
import sys

asked = []


def code(number: int) -> list[str]:
    asked.append(number)
    return [sys.executable, "-c", f"raise SystemExit({number})"]


async def first(numbers):
    good = next((number for number in numbers if not subprocess.call(code(number))), None)
    return good


async def status(numbers):
    return next((subprocess.call(code(number)) for number in numbers if number != 1), "none")


class Meter:
    total = 0

    async def add(self, number):
        self.total += subprocess.call(code(number))


async def main():
    print(await first([2, 0, 1]), await first([]), await first([3]))
    print(await status([1, 4, 5]), await status([1]), asked)
    meter = Meter()
    await asyncio.gather(meter.add(2), meter.add(3))
    print(meter.total)


asyncio.run(main())
