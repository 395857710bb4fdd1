"""The kinds of programs: how they are made, what they test, and what the rewrite promises.

A new kind is an entry in `KINDS`, and functions in programs.py that write its shapes, or a class in
stepped.py.
"""

import collections
import random

from compare import Promise
from programs import drafted, valid
from stepped import LockProgram, QueueProgram, StreamProgram, TaskProgram, TimedProgram

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


def exact(options, text):
    """Nothing differs. The unsafe level promises nothing when something fails."""
    return Promise(mode="strict", failures=options.level == "safe")


# What a shutdown raises that goes over a set of tasks while they leave it.
SET_CHANGED = ("RuntimeError", repr(("Set changed size during iteration",)))


def stepped(program, codemods, safe, unsafe, least_python):
    """A kind whose rewrites are exact at every level, but for what they mend."""
    return Kind(
        lambda rng: program(rng).text(),
        tuple(codemods.split()),
        lambda options, text: Promise(mode="strict", repairs=(SET_CHANGED,)),
        {"safe": safe, "unsafe": unsafe},
        least_python,
    )


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
    "timeout": stepped(
        TimedProgram, "replace_wait_for_with_timeout", 0.5, 0.5, (3, 12)
    ),
    # A lock that is released without a `try` is never a safe one.
    "lock": Kind(
        lambda rng: LockProgram(rng, calm=rng.random() < 0.4).text(),
        ("use_lock_as_context_manager", "use_async_with"),
        exact,
        {"safe": 0.3, "unsafe": 0.4},
        (3, 11),
    ),
    "queue": Kind(
        lambda rng: QueueProgram(rng, calm=True).text(),
        ("mark_queue_task_done",),
        exact,
        {"safe": 0.0, "unsafe": 0.3},
        (3, 11),
    ),
    "task": stepped(
        TaskProgram,
        "keep_task_reference replace_ensure_future replace_loop_create_task copy_tasks_before_cancel",
        0.5,
        0.5,
        (3, 11),
    ),
    "stream": stepped(StreamProgram, "use_async_comprehension", 0.2, 0.2, (3, 11)),
}


def program(seed, kind="gather"):
    """The program of a seed. Drafts that are no valid program are drawn again."""
    for attempt in range(50):
        text = KINDS[kind].make(random.Random("%s/%d/%d" % (kind, seed, attempt)))
        # A time limit may strike: the timed programs are about that.
        if valid(text, may_raise=("TimeoutError",)):
            return text
    raise AssertionError("no valid program for seed %d" % seed)
