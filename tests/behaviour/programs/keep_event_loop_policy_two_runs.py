# codemods: replace_event_loop_policy
# level: none
# target: py312
"""Both runs are given a loop by the policy."""

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


async def main():
    return asyncio.get_running_loop().label


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    print(asyncio.run(main()))
    print(asyncio.run(main()))
