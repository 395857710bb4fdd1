"""The world that a generated program runs in, and what can be seen of the run.

A program is source text that defines `async def main()`. It is given four resources:

    api, cache, db    clients that several tasks may use at once
    conn              a connection that raises `Busy` when two operations overlap

`await r.get(key)` reads. `await r.put(key, value)` writes and returns a number that counts
the writes of that resource, so that the order of writes shows in values and not only in a
log. `r.put_now(key, value)` writes at the moment of the call, as futures of eager libraries
do. A read returns what is stored at that instant, so a read that overtakes a write
returns something else.

Every operation has an identity that does not depend on scheduling: resource, method,
arguments, and how often these occurred before. Its delay, and whether it takes effect at
its start or at its end, are a hash of the schedule's seed and that identity. So the same
delays and the same failures meet the original program and the rewritten one.
"""

import asyncio
import collections
import contextvars
import gc
import hashlib
import sys
import types
import warnings

from clock import Stuck, VirtualLoop

# What is injected. `delays` is one of
#   equal       every operation takes one second
#   none        every operation takes one turn of the loop
#   shrinking   an operation that starts later ends sooner: the best finder of lost order
#   random      one to nine seconds, by identity
# `seed` says when operations take effect: 0 all at their end, 1 all at their start, 2 reads
# at their start and writes at their end, else by identity.
# `faults` are identities without their count (the operation fails each time it occurs):
# after an early exit the n-th occurrence may be another place of the program.
# `cancels` are the instants at which the main task is cancelled.
Schedule = collections.namedtuple("Schedule", "delays seed faults cancels")
Schedule.__new__.__defaults__ = ("random", 0, frozenset(), ())

# The module that programs import their resources from, when they import them.
RESOURCE_MODULE = "resources"


class Fault(Exception):
    """What resources raise when the schedule says so. Programs may raise it as well."""

    log = None

    def __init__(self, *args):
        super().__init__(*args)
        # A program's own failure allows the same liberties as an injected one, and only
        # the constructor sees it when a handler swallows it.
        if Fault.log is not None:
            Fault.log.extend(describe(self))


class ApiFault(Fault):
    pass


class DbFault(Fault):
    pass


class Busy(RuntimeError):
    """Two operations overlap on a resource that takes one at a time."""


class World:
    def __init__(self, schedule):
        self.schedule = schedule
        self.occurrences = collections.Counter()
        self.operations = []  # identities in the order of their start
        self.writes = collections.defaultdict(list)  # resource -> writes in order
        self.reads = collections.Counter()  # (resource, method, arguments, value)
        self.logs = []  # what the program logged
        self.events = []  # everything, with its instant: for exact rewrites
        self.active = collections.Counter()
        self.peak = collections.Counter()
        self.loop = None

    def note(self, *what):
        self.events.append((round(self.loop.time(), 6) if self.loop else 0,) + what)

    def log(self, *values):
        self.logs.append(repr(values))
        self.note("log", repr(values))

    def start(self, resource, method, arguments):
        base = (resource, method, repr(arguments))
        self.occurrences[base] += 1
        identity = base + (self.occurrences[base],)
        self.operations.append(identity)
        self.note("start", *identity)
        return identity

    def chance(self, identity, purpose):
        """A number that depends on the seed and on the operation, never on the order."""
        text = repr((self.schedule.seed, identity, purpose)).encode()
        return int.from_bytes(hashlib.blake2b(text, digest_size=4).digest(), "big")

    def early(self, identity):
        """Does the operation take effect at its start? Otherwise at its end."""
        seed = self.schedule.seed
        if seed < 3:
            return (False, True, identity[1] == "get")[seed]
        return self.chance(identity, "early") % 2 == 1

    def delay(self, identity):
        kind = self.schedule.delays
        if kind == "equal":
            return 1.0
        if kind == "none":
            return 0.0
        if kind == "shrinking":
            return 100.0 / len(self.operations) ** 2
        return 1.0 + self.chance(identity, "delay") % 9

    def names(self):
        """What a program finds, as globals or in the module `resources`."""
        return {
            "api": Resource(self, "api"),
            "cache": Resource(self, "cache"),
            "db": Resource(self, "db", fault=DbFault),
            "conn": Resource(self, "conn", fault=DbFault, exclusive=True),
            "log": self.log,
            "Fault": Fault,
            "ApiFault": ApiFault,
            "DbFault": DbFault,
            "Busy": Busy,
        }


class Resource:
    def __init__(self, world, name, fault=ApiFault, exclusive=False):
        self._world, self._name = world, name
        self._fault, self._exclusive = fault, exclusive
        self._stored, self._count = {}, 0

    async def get(self, *key):
        return await self._operate("get", self._read, frozen(key))

    async def put(self, *key_and_value):
        return await self._operate("put", self._write, frozen(key_and_value))

    def put_now(self, *key_and_value):
        self._write("put_now", frozen(key_and_value))
        return self.get(key_and_value[0])

    async def _operate(self, method, effect, arguments):
        world, name = self._world, self._name
        identity = world.start(name, method, arguments)
        fails = identity[:3] in world.schedule.faults
        if self._exclusive and world.active[name]:
            raise Busy(name + " is in use")
        world.active[name] += 1
        world.peak[name] = max(world.peak[name], world.active[name])
        try:
            early = not fails and world.early(identity)
            value = effect(method, arguments) if early else None
            try:
                await asyncio.sleep(world.delay(identity))
            except asyncio.CancelledError:
                world.note("cancelled", *identity)
                raise
            if fails:
                world.note("fails", *identity)
                raise self._fault("%s.%s%s" % identity[:3])
            if not early:
                value = effect(method, arguments)
            world.note("end", *identity)
            return value
        finally:
            world.active[name] -= 1

    def _read(self, method, arguments):
        value = "%s[%s]=%s" % (self._name, arguments[0], self._stored.get(arguments[0]))
        self._world.reads[(self._name, method, repr(arguments), value)] += 1
        return value

    def _write(self, method, arguments):
        self._count += 1
        self._stored[arguments[0]] = arguments[1:]
        self._world.writes[self._name].append((method,) + arguments)
        return "%s#%d" % (self._name, self._count)


def frozen(arguments):
    """Arguments as they are now: what a list holds when the operation starts counts."""
    return tuple(repr(a) if isinstance(a, (list, dict, set)) else a for a in arguments)


def describe(error):
    """The exceptions in `error`, groups taken apart, as comparable (type, arguments) pairs."""
    inside = getattr(error, "exceptions", None)
    if inside is None:
        return ((type(error).__name__, repr(error.args)),)
    return tuple(pair for one in inside for pair in describe(one))


class Observation:
    """What a run shows. All fields are plain data, so runs compare with `==`."""

    def __init__(self):
        self.kind = None  # returned, raised, stuck
        self.value = None  # repr of what main returned
        self.error = ()  # what main raised, see describe()
        self.grouped = False  # ... in an exception group
        self.links = ()  # its __cause__ and __context__: for exact rewrites
        self.context = {}  # context variables of the main task at its end
        self.state = {}  # the module's plain data and its `state` object
        self.leaked = 0  # tasks that were still alive when main ended
        self.lingering = 0  # ... and after some turns of the loop, at the same instant
        self.time = 0.0  # when main ended
        self.unawaited = ()  # "never awaited" warnings
        self.complaints = ()  # what reached the loop's exception handler
        self.faults = ()  # every fault raised, handled or not
        # ... and from World:
        self.writes = self.reads = self.logs = None
        self.events = self.operations = self.peak = None

    @property
    def outcome(self):
        return self.kind, self.value, self.error


def load(source):
    """Compiled once, run often."""
    return compile(source, "<program>", "exec", dont_inherit=True)


def observe(program, schedule):
    """Runs a program (from `load`) under a schedule. Effects of tasks that outlive `main` count."""
    world, seen = World(schedule), Observation()
    loop = world.loop = VirtualLoop()
    names = world.names()
    resources = types.ModuleType(RESOURCE_MODULE)
    vars(resources).update(names)
    module = dict(names, __name__="program", __builtins__=__builtins__)
    asyncio.set_event_loop(loop)
    sys.modules[RESOURCE_MODULE] = resources
    Fault.log = faults = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            exec(program, module)
            _run(loop, module, schedule, seen)
            seen.lingering = _settle(loop)
            _drain(loop)
            seen.state = _plain_data(module)
            module.clear()
            # A coroutine that hangs in a reference cycle warns only when it is collected.
            gc.collect()
            seen.unawaited = tuple(
                sorted(
                    {
                        str(w.message)
                        for w in caught
                        if "never awaited" in str(w.message)
                    }
                )
            )
    finally:
        Fault.log = None
        sys.modules.pop(RESOURCE_MODULE, None)
        loop.close()
        asyncio.set_event_loop(None)
    seen.complaints = tuple(sorted(loop.complaints))
    seen.faults = tuple(faults)
    seen.writes = {name: list(done) for name, done in world.writes.items()}
    seen.reads, seen.logs, seen.events = world.reads, world.logs, world.events
    seen.operations, seen.peak = world.operations, dict(world.peak)
    return seen


def _run(loop, module, schedule, seen):
    variables = {
        n: v for n, v in module.items() if isinstance(v, contextvars.ContextVar)
    }

    async def top():
        try:
            return await module["main"]()
        finally:
            seen.context = {n: repr(v.get("<unset>")) for n, v in variables.items()}
            seen.leaked = len(asyncio.all_tasks()) - 1
            seen.time = loop.time()

    task = loop.create_task(top())
    for instant in schedule.cancels:
        loop.call_at(instant, task.cancel)
    try:
        seen.value = repr(loop.run_until_complete(task))
        seen.kind = "returned"
    except Stuck:
        seen.kind, seen.time = "stuck", loop.time()
        task.cancel()
    except BaseException as error:
        seen.kind, seen.error = "raised", describe(error)
        seen.grouped = hasattr(error, "exceptions")
        seen.links = (repr(error.__cause__), repr(error.__context__))


def _settle(loop):
    """Lets everything happen that needs no time; says how many tasks that leaves."""

    # A cancelled `gather` is over as soon as its first member is: the others, cancelled as
    # well, need a turn more for each level that they are nested in.
    async def turn():
        for _ in range(30):
            await asyncio.sleep(0)

    loop.run_until_complete(turn())
    return len(asyncio.all_tasks(loop))


def _drain(loop):
    """Lets the tasks that are left run to their end; cancels those that cannot end."""
    for _ in range(20):
        left = asyncio.all_tasks(loop)
        if not left:
            break
        try:
            loop.run_until_complete(asyncio.wait(left))
        except Stuck:
            # A set has its tasks in another order in every run, and so would what they do when they end.
            for task in sorted(left, key=_age):
                task.cancel()
    loop.run_until_complete(loop.shutdown_asyncgens())


def _age(task):
    """`Task-9` was made before `Task-10`."""
    return len(task.get_name()), task.get_name()


_PLAIN = (type(None), bool, int, float, str, list, tuple, dict, set)


def _plain_data(module):
    found = {
        n: repr(v) for n, v in module.items() if n[0] != "_" and isinstance(v, _PLAIN)
    }
    if "state" in module:
        found["state"] = repr(sorted(vars(module["state"]).items()))
    return found
