# codemods: replace_event_loop_policy
# level: unsafe
# target: py312
"""An exception passes through, and the loop is closed."""

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


loops = []


async def main():
    loops.append(asyncio.get_running_loop())
    await asyncio.sleep(0)
    raise ValueError("broken")


def start():
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    try:
        asyncio.run(main())
    except ValueError as error:
        print(error, loops[0].label, loops[0].is_closed())


if __name__ == "__main__":
    start()
