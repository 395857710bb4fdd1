# codemods: replace_time_sleep
# level: none
"""Something else is called `time`, and something else is called `sleep`."""

import asyncio

effects = []


class FakeTime:
    def sleep(self, seconds):
        effects.append(seconds)
        return self


time = FakeTime()


def sleep(seconds):
    effects.append(-seconds)


async def other(time):
    time.sleep(2)


async def main():
    time.sleep(1).sleep(3)
    sleep(4)
    await other(time)
    await asyncio.sleep(0)
    return list(effects)
