# codemods: replace_event_loop_policy
# level: unsafe
# target: py312
"""The loop of the run is one of the policy."""

import asyncio
import sys
import types


def new_event_loop():
    loop = asyncio.SelectorEventLoop()
    loop.label = "fast"
    return loop


class Policy(asyncio.DefaultEventLoopPolicy):
    def new_event_loop(self):
        return new_event_loop()


# A stand-in, whose loops say where they come from.
stand_in = types.ModuleType("uvloop")
stand_in.EventLoopPolicy = Policy
stand_in.new_event_loop = new_event_loop
sys.modules["uvloop"] = stand_in

import uvloop  # noqa: E402


async def main(name):
    await asyncio.sleep(0)
    return name, asyncio.get_running_loop().label, asyncio.get_running_loop().get_debug()


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    print(asyncio.run(main("a"), debug=True))
