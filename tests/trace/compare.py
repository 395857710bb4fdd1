"""Compares a program with its rewritten form, effect by effect, under many schedules.

Two promises can be checked.

*strict*: the rewrite is exact. Outcome, every event with its instant, state, context
variables, warnings: all equal, under every failure and every cancellation.

*concurrent*: awaits that ran one after the other now overlap. Then

1. without a failure: equal values, state, context variables and logs, the same reads with
   the same values, the same writes in the same order on each resource, no task left over;
2. one operation fails: the same exception, no other write; reads that come later in the
   source may have happened, for they had been started;
3. several fail: one of their exceptions, or, if `source_order`, the same one; no other write;
4. cancelled: nothing but CancelledError, no task left over that takes time to end, and the
   writes are such as the original could have left when cancelled at some instant.

"A failure" includes one that the program raises by itself and perhaps handles.
"""

import collections
import gc

from world import Schedule, load, observe

Difference = collections.namedtuple("Difference", "what schedule before after")

# Every run ends with a garbage collection, to see coroutines that nobody awaited. What
# exists by now is not looked at again: 20 times faster.
gc.freeze()


class Promise:
    """What the rewrite promises, beyond the mode."""

    def __init__(
        self,
        mode="concurrent",
        failures=True,
        groups=False,
        source_order=False,
        ordered_logs=True,
        limits=None,
        repairs=(),
    ):
        self.mode = mode
        self.failures = failures  # also when something fails or is cancelled
        self.groups = groups  # an exception may arrive in an exception group
        self.source_order = source_order  # several fail: the first of the source counts
        self.ordered_logs = ordered_logs
        self.limits = limits or {}  # resource -> operations at once
        self.repairs = repairs  # what the original may raise and the other one does not


STRICT = Promise(mode="strict")


def differences(before, after, promise=None, most=1):
    """The first `most` differences between two sources; none means that none was seen."""
    promise = promise or Promise()
    pair = _Pair(load(before), load(after), promise)
    for schedule in schedules(observe(pair.before, Schedule()), promise):
        pair.check(schedule)
        if len(pair.found) >= most:
            break
    return pair.found[:most]


def schedules(base, promise):
    """What to inject, from what a plain run of the original did. The cheap finders come first."""
    # The seed also says which operations take effect at their start.
    for seed in range(5):
        for delays in ("equal", "none", "shrinking", "random"):
            if base.operations or seed == 0:
                yield Schedule(delays, seed)
    if not promise.failures:
        return
    operations = list(dict.fromkeys(identity[:3] for identity in base.operations))
    for number, operation in enumerate(operations[:14]):
        faults = frozenset([operation])
        yield Schedule("shrinking", 0, faults)
        yield Schedule("equal", 1, faults)
        yield Schedule("random", 2 + number % 3, faults)
    for second in range(1, min(len(operations), 7)):
        for first in range(second):
            faults = frozenset([operations[first], operations[second]])
            yield Schedule("shrinking", 0, faults)
            yield Schedule("random", 2 + second % 3, faults)
    yield from cancellations(base.time, promise)


def cancellations(duration, promise):
    """Instants in and between operations, and the very instants at which something ends."""
    duration = duration or 1.0
    for share in (0.0, 0.1, 0.35, 0.6, 0.9):
        yield Schedule(cancels=(duration * share,))
    yield Schedule("equal", cancels=(1.0,))
    yield Schedule("equal", cancels=(1.5,))
    if promise.mode == "strict":
        for whole in (0.5, 1.0, 1.5, 2.0, 3.0):
            yield Schedule(cancels=(whole,))
        # The second cancellation finds the program while it cleans up after the first.
        yield Schedule(cancels=(1.0, 1.5))
        yield Schedule(cancels=(duration * 0.2, duration * 0.3))
        yield Schedule(cancels=(duration * 0.5, duration * 0.5))


class _Pair:
    def __init__(self, before, after, promise):
        self.before, self.after, self.promise = before, after, promise
        self.found = []

    def check(self, schedule):
        before, after = observe(self.before, schedule), observe(self.after, schedule)
        if before.error and set(before.error) <= set(self.promise.repairs):
            return
        # What waits for ever is torn down, which is a failure to the code that waits.
        if before.kind == after.kind == "stuck" and not self.promise.failures:
            return
        differ = Differ(schedule, before, after, self.found)
        differ.field("unawaited")
        differ.field("complaints")
        if self.promise.mode == "strict":
            self._strict(differ)
        elif schedule.cancels:
            self._cancelled(differ)
        else:
            self._concurrent(differ)

    def _strict(self, differ):
        # The fields that say most come first.
        for field in ("outcome", "links", "grouped", "events", "state", "context"):
            differ.field(field)
        for field in ("leaked", "time", "writes"):
            differ.field(field)

    def _concurrent(self, differ):
        before, after, promise = differ.before, differ.after, self.promise
        faults = set(before.faults) | set(after.faults)
        several = len(faults) > 1 and not promise.source_order
        failed = bool(faults)
        if failed and not promise.failures:
            return
        if before.kind != after.kind or before.value != after.value:
            differ.say("outcome", before.outcome, after.outcome)
        elif before.error != after.error:
            if not (several and set(after.error) <= faults | set(before.error)):
                differ.say("exception", before.error, after.error)
        if after.grouped and not (before.grouped or promise.groups):
            differ.say("exception is wrapped in a group", before.error, after.error)
        differ.field("writes")
        extra, missing = after.reads - before.reads, before.reads - after.reads
        # A task group cancels the siblings of what failed, started or not.
        cut = failed and promise.groups
        if (missing and not cut) or (extra and not failed):
            differ.say("reads", dict(missing), dict(extra))
        differ.field("context")
        differ.state()
        if promise.ordered_logs:
            differ.field("logs")
        elif sorted(before.logs) != sorted(after.logs):
            differ.say("logs", before.logs, after.logs)
        if after.leaked > before.leaked and not failed:
            differ.field("leaked")
        for resource, limit in promise.limits.items():
            if after.peak.get(resource, 0) > limit:
                differ.say("at once on " + resource, limit, after.peak[resource])

    def _cancelled(self, differ):
        # At one instant the two programs are at different places, so that only what
        # holds wherever it strikes can be compared.
        before, after = differ.before, differ.after
        cancelled = {name for name, _ in after.error} == {"CancelledError"}
        if after.kind == "raised" and not cancelled and after.error != before.error:
            # The shorter program may have come to its own end before the instant.
            clean = observe(self.before, differ.schedule._replace(cancels=()))
            if after.error != clean.error and not set(after.error) <= set(after.faults):
                differ.say("not cancelled", before.error, after.error)
        if cancelled and after.lingering > before.lingering:
            differ.field("lingering")
        if before.writes != after.writes and after.writes not in self._writes(differ):
            differ.say("writes of a cancelled run", before.writes, after.writes)

    def _writes(self, differ):
        """The writes that the original can leave when it is cancelled at some instant."""
        clean = observe(self.before, differ.schedule._replace(cancels=()))
        yield clean.writes
        instants = sorted({event[0] for event in clean.events})
        for earlier, later in zip([0.0] + instants, instants + [clean.time]):
            cancels = ((earlier + later) / 2,)
            schedule = differ.schedule._replace(cancels=cancels)
            yield observe(self.before, schedule).writes


class Differ:
    """Collects what differs between two observations under one schedule."""

    def __init__(self, schedule, before, after, found):
        self.schedule, self.before, self.after = schedule, before, after
        self.found = found

    def say(self, what, before, after):
        self.found.append(Difference(what, self.schedule, before, after))

    def field(self, name):
        before, after = getattr(self.before, name), getattr(self.after, name)
        if before != after:
            self.say(name, before, after)

    def state(self):
        # A rewrite may add names to the module, but must leave those that were there.
        after = {name: self.after.state.get(name) for name in self.before.state}
        if after != self.before.state:
            self.say("state", self.before.state, after)
