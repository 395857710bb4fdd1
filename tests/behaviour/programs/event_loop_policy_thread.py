# codemods: replace_event_loop_policy
# level: unsafe
# target: py312
# expect: differs
"""A thread makes a loop of its own, which is why the rewrite is not safe."""

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


def work():
    loop = asyncio.events.new_event_loop()
    try:
        return getattr(loop, "label", "plain")
    finally:
        loop.close()


async def main():
    return await asyncio.to_thread(work)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    print(asyncio.run(main()))
