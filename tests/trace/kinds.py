"""The kinds of programs: how they are made, what they test, and what the rewrite promises.

A new kind is an entry in `KINDS`, and functions in programs.py that write its shapes.
"""

import collections
import random

from compare import STRICT, Promise
from programs import TimedProgram, drafted, valid

# How many calls the limiting rewrites let run at once: fewer than most loops make.
LIMIT = 2

# make      a random generator -> the text of a program
# codemods  under test
# promise   the options of the run, the rewritten text -> what the rewrite promises
# share     the least share of programs that they must rewrite at each level: about half of
#           what they do rewrite, so that a change of the generator does not matter and a
#           broken tool does
Kind = collections.namedtuple("Kind", "make codemods promise share least_python")


def overlapping(options, text):
    """What overlapping awaits promise. The unsafe level promises nothing when something fails."""
    return Promise(
        failures=options.level == "safe",
        groups=options.emission == "task_group",
        source_order=options.emission == "in_order",
        ordered_logs=options.level == "safe",
        limits=limits(text),
    )


def limits(text):
    """No more operations at once than the limit, where nothing in the program goes without one."""
    every_call_is_limited = text.count("gather(") * 2 == text.count("bounded_")
    if "Semaphore(%d)" % LIMIT not in text or not every_call_is_limited:
        return {}
    return {name: LIMIT for name in ("api", "cache", "db")}


KINDS = {
    "gather": Kind(
        drafted(run=1.0, context=0.9, closure=0.7, danger=0.35, loop=0.15),
        ("gather_sequential_awaits",),
        overlapping,
        {"safe": 0.15, "unsafe": 0.3},
        (3, 8),
    ),
    "loop": Kind(
        drafted(run=0.3, context=0.6, closure=0.5, danger=0.1, loop=1.5),
        ("gather_awaits_in_loop",),
        overlapping,
        {"safe": 0.05, "unsafe": 0.05},
        (3, 8),
    ),
    # A limit is never safe: it takes longer.
    "bound": Kind(
        drafted(run=0.2, context=0.4, fan=1.5),
        ("bound_gather_with_semaphore",),
        overlapping,
        {"safe": 0.0, "unsafe": 0.1},
        (3, 8),
    ),
    # Below 3.12 `wait_for` runs its coroutine in a task of its own: not exact.
    "timeout": Kind(
        lambda rng: TimedProgram(rng).text(),
        ("replace_wait_for_with_timeout",),
        lambda options, text: STRICT,
        {"safe": 0.5, "unsafe": 0.5},
        (3, 12),
    ),
}


def program(seed, kind="gather"):
    """The program of a seed. Drafts that are no valid program are drawn again."""
    for attempt in range(50):
        text = KINDS[kind].make(random.Random("%s/%d/%d" % (kind, seed, attempt)))
        # A time limit that strikes is what the timed programs are about.
        if valid(text, may_raise=kind == "timeout"):
            return text
    raise AssertionError("no valid program for seed %d" % seed)
