# codemods: replace_threading_primitive
# level: unsafe
"""What `wait` returns: in time, too late, without a limit, and inside of expressions."""

import threading


async def main():
    event = threading.Event()
    late = [event.wait(0.01), event.wait(timeout=0.01) or "late"]
    event.set()
    in_time = event.wait(0.01) and not event.wait(-1) is False, event.wait(), event.wait(None), event.is_set()
    event.clear()
    return late, in_time, event.wait(0.001)
