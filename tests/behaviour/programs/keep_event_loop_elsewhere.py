# codemods: replace_get_event_loop
# level: none
"""In a thread, a lambda or a plain function no loop need run: only `get_event_loop` answers there."""

import asyncio
import warnings


def is_running():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return asyncio.get_event_loop().is_running()
        except RuntimeError:
            return "no loop"


async def main():
    def in_thread():
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            return is_running(), (lambda: asyncio.get_event_loop() is loop)()
        finally:
            asyncio.set_event_loop(None)
            loop.close()

    return is_running(), await asyncio.to_thread(in_thread)
