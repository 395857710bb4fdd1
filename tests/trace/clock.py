"""An asyncio event loop on a virtual clock.

Everything above the clock is CPython's own: the ready queue, the timers, `Task`,
`gather`, `TaskGroup`, `timeout`. Only the two things that make a run slow and
unrepeatable are replaced: time, which jumps to the next timer as soon as nothing is
ready, and the selector, which has no sockets to wait for. A run is therefore instant
and the same every time, and a program that waits for ever is an observation
(`Stuck`), not a hang.

Needs CPython 3.8 or later; uses only the standard library.
"""

import asyncio
import asyncio.base_events


class Stuck(RuntimeError):
    """Nothing is ready and no timer is left: no event can ever wake the program."""


class _TimeJump:
    """Stands where the loop expects a selector: instead of waiting, it moves the clock."""

    def __init__(self, loop):
        self._loop = loop

    def select(self, timeout):
        if timeout is None:
            raise Stuck("nothing is ready and no timer is left")
        if timeout > 0:
            self._loop.jump()
        return []

    def close(self):
        pass


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    def __init__(self):
        super().__init__()
        self._now = 0.0
        # Timers are compared as `when < now + resolution`. The default comes from the
        # real clock and would join instants that a program keeps apart on purpose.
        self._clock_resolution = 1e-9
        self._selector = _TimeJump(self)
        self.complaints = []
        self.set_exception_handler(self._note)

    def time(self):
        return self._now

    def jump(self):
        """Moves the clock to the next timer (the loop has dropped cancelled ones)."""
        self._now = max(self._now, self._scheduled[0].when())

    def _note(self, _loop, context):
        self.complaints.append(context["message"])

    def _process_events(self, event_list):
        pass

    def _write_to_self(self):
        # There is no other thread: a callback added from outside is found at the next turn.
        pass
