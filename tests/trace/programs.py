"""Random async programs from seeds, made to tempt a rewriter.

    python programs.py SEED [KIND]      prints one
    python programs.py --shapes         lists what they are made of

Long random programs seldom meet a rewriter's conditions. What finds mistakes is two or
three awaits that are almost independent, with one thing that forbids, or seems to
forbid, that they overlap. So a program is a few *shapes*: small functions in `SHAPES` that
write some statements each. Adding a kind of danger is adding a function there; its
`family` says which kinds of program use it.

Every name that a program uses is bound before anything can fail, and constants, string
parameters and helpers of the same file are preferred to computed values: a tool that
reads the text only must be able to prove the harmless ones.
"""

import collections
import contextlib
import re
import sys
import textwrap

from world import Schedule, load, observe

# --------------------------------------------------------------------------------------
# Shapes and helpers: registries

Shape = collections.namedtuple("Shape", "name write family weight inner")
SHAPES = []


def shape(family, weight=1.0, inner=True):
    """Registers a function that writes statements. `inner`: also below the top level of a function."""

    def register(function):
        SHAPES.append(Shape(function.__name__, function, family, weight, inner))
        return function

    return register


# name -> (kind, text). Kinds: `calm` only reads what may be read at once; everything else
# writes, remembers, depends on its task, fails, or never suspends. A helper takes one key.
HELPERS = {
    "load": (
        "calm",
        """
        async def load(key):
            return await api.get(key)
        """,
    ),
    "lookup": (
        "calm",
        """
        async def lookup(key):
            row = await cache.get(key)
            return [row, key]
        """,
    ),
    "chain": (
        "calm",
        """
        async def chain(key):
            first = await db.get(key)
            return await api.get(first)
        """,
    ),
    "nested": (
        "calm",
        """
        async def nested(key):
            return await chain(await load(key))
        """,
    ),
    "typed": (
        "calm",
        '''
        async def typed(key: str, *, fresh: bool = False) -> str:
            """Reads a row, past the cache if it must be fresh."""
            if fresh:
                return await db.get(key)
            return await cache.get(key)
        ''',
    ),
    "either": (
        "calm",
        """
        async def either(key):
            try:
                return await cache.get(key)
            except Exception:
                return "miss"
        """,
    ),
    "remember": (
        "state",
        """
        async def remember(key):
            state.last = await api.get(key)
            return state.last
        """,
    ),
    "recall": (
        "state",
        """
        async def recall(key):
            await cache.get(key)
            return state.last
        """,
    ),
    "bump": (
        "state",
        """
        async def bump(key):
            seen = state.count
            await cache.get(key)
            state.count = seen + 1
            return state.count
        """,
    ),
    "open_once": (
        "state",
        """
        async def open_once(key):
            if state.opened is None:
                state.opened = await cache.put("open", key)
            return await api.get(key)
        """,
    ),
    "collect": (
        "state",
        """
        async def collect(key):
            state.items.append(await api.get(key))
            return len(state.items)
        """,
    ),
    "set_total": (
        "state",
        """
        async def set_total(key):
            global total
            total = await api.get(key)
            return total
        """,
    ),
    "get_total": (
        "state",
        """
        async def get_total(key):
            await cache.get(key)
            return total
        """,
    ),
    "memo": (
        "state",
        """
        async def memo(key):
            if key not in known:
                known[key] = await db.put(key, "memo")
            return known[key]
        """,
    ),
    "store": (
        "write",
        """
        async def store(key):
            await db.put(key, 1)
            return await db.get(key)
        """,
    ),
    "warm": (
        "write",
        """
        async def warm(key):
            return await cache.put(key, 2)
        """,
    ),
    "shout": (
        "write",
        """
        async def shout(key):
            log("shout", key)
            return await api.get(key)
        """,
    ),
    "exclusive": (
        "write",
        """
        async def exclusive(key):
            return await conn.get(key)
        """,
    ),
    "sign_in": (
        "task",
        """
        async def sign_in(key):
            current.set(key)
            return await api.get(key)
        """,
    ),
    "who": (
        "task",
        """
        async def who(key):
            await api.get(key)
            return current.get()
        """,
    ),
    "own_task": (
        "task",
        """
        async def own_task(key):
            await api.get(key)
            return asyncio.current_task() is home
        """,
    ),
    "risky": (
        "fail",
        """
        async def risky(key):
            row = await api.get(key)
            if "b" in str(key):
                raise DbFault("risky", 1)
            return row
        """,
    ),
    "tick": (
        "still",
        """
        async def tick(key):
            state.count += 1
            return state.count
        """,
    ),
    "plain": (
        "still",
        """
        async def plain(key):
            return [key]
        """,
    ),
    "through_alias": (
        "state",
        """
        async def through_alias(key):
            bucket.append(await api.get(key))
            return len(bucket)
        """,
    ),
    "through_call": (
        "state",
        """
        def push(rows, row):
            rows += [row]
            return len(rows)


        async def through_call(key):
            return push(state.items, await api.get(key))
        """,
    ),
    "through_name": (
        "state",
        """
        async def through_name(key):
            setattr(state, "last", await api.get(key))
            return getattr(state, "last")
        """,
    ),
    "default_list": (
        "state",
        """
        async def default_list(key, seen=[]):
            seen.append(await api.get(key))
            return len(seen)
        """,
    ),
    "stamp": (
        "state",
        """
        async def stamp(key):
            await cache.get(key)
            return next(numbers)
        """,
    ),
    "tally": (
        "state",
        """
        async def tally(key):
            await db.get(key)
            known["tally"] = known.get("tally", 0) + 1
            return known["tally"]
        """,
    ),
    "cleanup": (
        "state",
        """
        async def cleanup(key):
            try:
                return await api.get(key)
            finally:
                state.last = key
        """,
    ),
    "careful": (
        "state",
        """
        async def careful(key):
            try:
                return await api.get(key)
            finally:
                await cache.get("closing")
        """,
    ),
    "locked": (
        "state",
        """
        async def locked(key):
            async with quietly():
                state.count += 1
                return await api.get(key)
        """,
    ),
    "counting": (
        "eager",
        """
        def make_counting():
            count = 0

            async def counting(key):
                nonlocal count
                await cache.get(key)
                count += 1
                return count

            return counting


        counting = make_counting()
        """,
    ),
    "caller": (
        "eager",
        """
        class Caller:
            calls = 0

            async def __call__(self, key):
                Caller.calls += 1
                calls = Caller.calls
                await api.get(key)
                return calls


        caller = Caller()
        """,
    ),
    "Later": (
        "eager",
        """
        class Later:
            def __init__(self, key):
                state.last = key
                self.key = key

            def __await__(self):
                return api.get(self.key).__await__()
        """,
    ),
    "factory": (
        "eager",
        """
        def factory(key):
            state.last = key
            return api.get(key)
        """,
    ),
    "swap": (
        "eager",
        """
        async def swap(key):
            global load
            await cache.get(key)
            load = lookup
            return key
        """,
    ),
    "traced": (
        "eager",
        """
        def tracing(function):
            async def wrapper(key):
                state.items.append(function.__name__)
                return await function(key)

            return wrapper


        @tracing
        async def traced(key):
            return await api.get(key)
        """,
    ),
}

HEAD = '''
import asyncio
import contextlib
import contextvars
import functools
import itertools
{imports}

class State:
    def __init__(self):
        self.count = 0
        self.last = "none"
        self.opened = None
        self.items = []


class Repo:
    """Reads through one client. `find` only reads; the others remember."""

    def __init__(self, prefix: str):
        self.prefix = prefix
        self.calls = 0
        self.ready = None

    async def find(self, key: str):
        return await api.get(key)

    async def counted(self, key: str):
        calls = self.calls
        row = await cache.get(key)
        self.calls = calls + 1
        return [row, self.calls]

    async def connect(self, key: str):
        if self.ready is None:
            self.ready = await cache.put("ready", key)
        return await db.get(key)


class LoudRepo(Repo):
    async def find(self, key: str):
        await db.put(key, "seen")
        return await super().find(key)


state = State()
current = contextvars.ContextVar("current", default="nobody")
total = 0
known = {{}}
home = None
bucket = state.items
numbers = itertools.count()


class Noisy:
    def __str__(self):
        state.count += 1
        return "noise %d" % state.count

    @property
    def key(self):
        state.count += 1
        return "key %d" % state.count


noisy = Noisy()


async def apply(function, key):
    return await function(key)


def lazily(keys):
    for key in keys:
        state.count += 1
        yield key


@contextlib.asynccontextmanager
async def quietly():
    try:
        yield
    except Fault:
        state.last = "quiet"
'''

IMPORTS = "from resources import ApiFault, DbFault, Fault, api, cache, conn, db, log\n"


# --------------------------------------------------------------------------------------
# Programs of sequential awaits


class Program:
    """What has been written so far, and what is in scope there."""

    def __init__(self, rng, families):
        self.rng = rng
        self.families = families  # family -> factor on the weights of its shapes
        self.lines, self.depth = [], 1
        self.names = []  # local names, all bound at the top of `job`
        self.closures = []  # async functions without parameters, defined in `job`
        self.helpers = []
        self.used = []  # names of the shapes, for the reader of a failing program
        self.count = 0

    # -- text

    def put(self, text):
        text = textwrap.dedent(text).strip("\n")
        self.lines += textwrap.indent(text, "    " * self.depth).split("\n")

    @contextlib.contextmanager
    def block(self, header):
        self.put(header)
        self.depth += 1
        start = len(self.lines)
        yield
        if len(self.lines) == start:
            self.put("pass")
        self.depth -= 1

    # -- choice

    def chance(self, probability):
        return self.rng.random() < probability

    def pick(self, *options):
        """One of (value, weight) pairs."""
        return self.rng.choices([o[0] for o in options], [o[1] for o in options])[0]

    def number(self):
        self.count += 1
        return self.count

    def fresh(self, count=1):
        """New local names."""
        new = ["v%d" % (len(self.names) + i + 1) for i in range(count)]
        self.names += new
        return new[0] if count == 1 else new

    def pair(self):
        """Two targets and a statement that uses them. A third of the pairs is read nowhere
        else: what is bound under a `try` and read after it forbids most rewrites."""
        if self.chance(0.35):
            u = self.number()
            one, two = "one%d" % u, "two%d" % u
        else:
            one, two = self.fresh(2)
        return one, two, "shared.append([%s, %s])" % (one, two)

    def loop_name(self):
        """A loop variable. Seldom one that the function returns: reading it afterwards
        forbids every rewrite of its loop."""
        return self.fresh() if self.chance(0.15) else "q%d" % self.number()

    def rows(self):
        """What a loop goes over: mostly something that is known to be a list."""
        rows = self.pick(
            ("letters", 4), ("['a', 'b', 'c']", 3), ("shared", 1), ("unknown", 3)
        )
        if rows == "unknown":
            rows = "rows%d" % self.number()
            self.put("%s = shared if limit > 9 else letters" % rows)
        return rows

    def known_name(self):
        return self.rng.choice(self.names) if self.names else "limit"

    def helper(self, *kinds):
        fit = [h for h in self.helpers if HELPERS[h][0] in kinds]
        return self.rng.choice(fit) if fit else "load"

    # -- parts of a run of awaits

    def calm_key(self):
        return self.pick(
            (repr(self.rng.choice("abcde")), 6),
            ("'k%d'" % self.number(), 3),
            ("first", 2),
            ("second", 1),
            ("limit", 1),
            ("f'{first}-%d'" % self.rng.randrange(3), 1),
            ("f'{second}/{limit}'", 0.5),
            (str(self.rng.randrange(5)), 1),
        )

    def wild_key(self):
        name = self.known_name()
        return self.pick(
            (name, 4),
            ("state.last", 2),
            ("state.count", 1),
            ("(%s := 'w')" % name, 1),
            ("(%s := %s)" % (name, name), 0.5),
            ("f'{%s}'" % name, 1.5),
            ("shared.pop()", 1),
            ("len(shared)", 1),
            ("shared", 1),
            ("row['k']", 1),
            ("next(feed)", 1),
            ("current.get()", 0.5),
            ("first + 'x'", 0.5),
            ("first if limit else second", 0.5),
            ("total", 0.5),
            ("f'{noisy}'", 0.7),
            ("noisy.key", 0.7),
            ("str(noisy)", 0.4),
            ("shared[9:]", 0.3),
            ("1 // limit", 0.3),
            ("await load('inner')", 0.4),
            ("*('s', 't')", 0.2),
        )

    def calm_call(self):
        call = self.pick(("resource", 5), ("helper", 5), ("method", 1))
        if call == "resource":
            return "%s.get(%s)" % (
                self.rng.choice(["api", "cache", "db"]),
                self.calm_key(),
            )
        if call == "method":
            return "repo.find(%s)" % self.calm_key()
        name = self.helper("calm")
        if name == "typed" and self.chance(0.6):
            return "typed(%s, fresh=%s)" % (self.calm_key(), self.chance(0.5))
        if self.chance(0.1):
            return "%s(key=%s)" % (name, self.calm_key())
        return "%s(%s)" % (name, self.calm_key())

    def wild_call(self):
        call = self.pick(
            ("state", 5),
            ("write", 3),
            ("task", 2),
            ("fail", 2),
            ("still", 1),
            ("eager", 2),
            ("put", 3),
            ("put_now", 1),
            ("conn", 2),
            ("closure", 4 if self.closures else 0),
            ("method", 2),
            ("passed", 1),
            ("sleep", 0.4),
        )
        key = self.calm_key() if self.chance(0.8) else self.wild_key()
        if call == "put":
            return "%s.put(%s, 1)" % (self.rng.choice(["api", "cache", "db"]), key)
        if call == "put_now":
            return "db.put_now(%s, 1)" % key
        if call == "conn":
            return "conn.get(%s)" % key
        if call == "closure":
            return self.rng.choice(self.closures) + "()"
        if call == "method":
            repo = self.pick(("repo", 3), ("loud", 1))
            method = self.rng.choice(["find", "counted", "connect"])
            return "%s.%s(%s)" % (repo, method, key)
        if call == "passed":
            name = self.helper("calm", "state", "write", "fail")
            form = self.rng.choice(["apply(%s, %s)", "functools.partial(%s, %s)()"])
            return form % (name, key)
        if call == "sleep":
            return "asyncio.sleep(%s)" % self.rng.choice(["0", "1"])
        return "%s(%s)" % (self.helper(call), key)

    def calm_target(self):
        return self.fresh() if self.chance(0.75) else None

    def wild_target(self):
        return self.pick(
            (self.known_name(), 4),
            ("state.last", 2),
            ("state.count", 1),
            ("row['k']", 2),
            ("shared[0]", 1),
            ("total", 0.5),
            ("first", 1),
        )

    def member(self, calm=True):
        if calm:
            return self.calm_target(), self.calm_call()
        target = self.calm_target() if self.chance(0.6) else self.wild_target()
        return target, self.wild_call() if self.chance(0.6) else self.calm_call()

    def write_run(self, members, between=()):
        """Awaits one after the other. `between` are (position, statement) pairs."""
        between = dict(between)
        last = len(members) - 1
        for position, (target, call) in enumerate(members):
            if position in between:
                self.put(between[position])
            self.dress(last)
            line = (
                "await " + call if target is None else "%s = await %s" % (target, call)
            )
            if self.chance(0.03):
                # The awaited call over several lines, as formatters leave it.
                line = line.replace("(", "(\n    ", 1)[:-1] + ",\n)"
            elif self.chance(0.04):
                line += "  # one of %d" % (last + 1)
            elif self.chance(0.02):
                line += "; state.count += 0"
            elif target and target.isidentifier() and self.chance(0.03):
                line = line.replace(" = ", ": object = ", 1)
            self.put(line)

    def dress(self, last):
        if self.chance(0.05):
            self.lines.append("")
        if self.chance(0.06):
            self.put("# a note about the next of %d reads" % (last + 1))

    # -- blocks

    def body(self, count, inner=True, loop=False):
        """Some statements, by the weights of the shapes that fit here."""
        if self.depth > 4:
            return self.write_run([self.member() for _ in range(2)])
        fit = [
            s for s in SHAPES if s.family in self.families and (s.inner or not inner)
        ]
        weights = [s.weight * self.families[s.family] for s in fit]
        for _ in range(count):
            chosen = self.rng.choices(fit, weights)[0]
            self.used.append(chosen.name)
            chosen.write(self)

    # -- the whole file

    def text(self):
        rng = self.rng
        calm = [h for h, (kind, _) in HELPERS.items() if kind == "calm"]
        other = [h for h, (kind, _) in HELPERS.items() if kind != "calm"]
        picked = {
            "load",
            "lookup",
            "chain",
            *rng.sample(calm, 2),
            *rng.sample(other, 5),
        }
        # A shape may name any helper, so all of them are in the file; only the picked
        # ones are chosen at random.
        self.helpers = [h for h in HELPERS if h in picked]
        access = self.pick(("globals", 5), ("import", 3), ("parameters", 2))
        self.body(rng.randint(1, 3), inner=False)
        given = "api, cache, db, conn, " if access == "parameters" else ""
        passed = given
        parts = [
            "# shapes: " + ", ".join(self.used),
            HEAD.format(imports=IMPORTS if access == "import" else "").strip("\n"),
        ]
        parts += [textwrap.dedent(text).strip("\n") for _, text in HELPERS.values()]
        job = ["async def job(%sfirst: str, second: str, limit: int = 3):" % given]
        job += [textwrap.indent(textwrap.dedent(PREAMBLE).strip("\n"), "    ")]
        if self.names:
            job += ["    %s = None" % " = ".join(self.names)]
        job += self.lines
        job += ["    return [%s]" % ", ".join(self.names + ["shared", "row"])]
        parts.append("\n".join(job))
        caller = self.rng.choice(CALLERS)
        parts.append(
            textwrap.dedent(caller).strip("\n").replace("job(", "job(" + passed)
        )
        return "\n\n\n".join(parts) + "\n"


PREAMBLE = """
global home
home = asyncio.current_task()
repo = Repo("r")
loud = LoudRepo("l")
shared = ["s1", "s2", "s3"]
row = {"k": 1}
letters = ("x", "y", "z")
feed = iter("pqrstuvw" * 4)
"""

# What the function that may be rewritten returns to. The second and third go on after its
# failure, and would meet what a sibling left behind still does.
CALLERS = [
    """
    async def main():
        return await job("left", "right")
    """,
    """
    async def main():
        try:
            outcome = await job("left", "right")
        except Fault:
            outcome = "failed"
        await db.put("audit", repr(outcome))
        return outcome, await db.get("audit")
    """,
    """
    async def main():
        outcome = "unknown"
        try:
            outcome = await job("left", "right")
        finally:
            state.last = await conn.get("final")
        return outcome
    """,
]

# -- plain runs


@shape("run", 6)
def calm_run(p):
    p.write_run([p.member() for _ in range(p.rng.randint(2, 3))])


@shape("run", 7)
def near_run(p):
    """A harmless run but for one thing."""
    members = [p.member() for _ in range(p.rng.randint(2, 3))]
    spot = p.rng.randrange(len(members))
    target, call = members[spot]
    between = []
    what = p.pick(
        ("call", 5), ("key", 4), ("target", 3), ("earlier", 3), ("between", 5)
    )
    if what == "call":
        members[spot] = target, p.wild_call()
    elif what == "key":
        members[spot] = target, "%s(%s)" % (p.helper("calm"), p.wild_key())
    elif what == "target":
        members[spot] = p.wild_target(), call
    elif what == "earlier":
        name = members[0][0] or p.fresh()
        members[0] = name, members[0][1]
        key = p.rng.choice(["%s", "f'{%s}'", "[%s]", "str(%s)"]) % name
        members[-1] = members[-1][0], "%s(%s)" % (p.helper("calm"), key)
    else:
        between = [(max(spot, 1), p.rng.choice(BETWEEN))]
    p.write_run(members, between)


BETWEEN = [
    "shared.append('new')",
    "state.last = 'between'",
    "log('between')",
    "state.count += 1",
    "state.items.append('between')",
    "limit = limit + 1",
    "first = 'rebound'",
    "row['k'] = 'other'",
    "pass",
    "if limit > 9:\n    return 'early'",
    "assert limit",
    "x = 1; del x",
]


@shape("run", 3)
def wild_run(p):
    members = [p.member(calm=False) for _ in range(p.rng.randint(2, 3))]
    between = [(1, p.rng.choice(BETWEEN))] if p.chance(0.2) else []
    p.write_run(members, between)


@shape("run", 1)
def reused_target(p):
    name = p.fresh()
    p.write_run([(name, p.calm_call()), (name, p.calm_call()), p.member()])


@shape("run", 1)
def odd_statement(p):
    """Awaits in statements that are no plain assignment."""
    name, other = p.fresh(2)
    form = p.rng.choice(
        [
            "{a} = {b} = await {c}",
            "{a} = [await {c}]",
            "{a} = await {c}, await {d}",
            "{a}, {b} = await {c}, await {d}",
            "{a} = (await {c}) or (await {d})",
            "{a} = await {c} if limit else await {d}",
            "log(await {c}, await {d})",
            "{a} = {{'one': await {c}, 'two': await {d}}}",
            "{a} = str({b}) + str(await {c})",
            '{a} = f"{{await {c}}}"',
            "assert await {c}",
            "{a} = (await {c})[0]",
        ]
    )
    p.put(form.format(a=name, b=other, c=p.calm_call(), d=p.calm_call()))
    p.write_run([p.member()])


@shape("run", 1)
def sync_statement(p):
    p.put(
        p.pick(
            ("shared.append('more')", 1),
            ("state.last = 'sync'", 1),
            ("alias = shared\nalias.append('alias')", 1),
            ("row.pop('k', 0)\nrow['k'] = 5", 1),
            ("log(%s)" % p.known_name(), 1),
            ("%s = 'computed'" % p.fresh(), 1),
        )
    )


@shape("run", 0.7, inner=False)
def return_pair(p):
    u = p.number()
    p.put(
        "async def pair%d():\n    return await %s, await %s"
        % (u, p.calm_call(), p.calm_call())
    )
    p.put("%s = await pair%d()" % (p.fresh(), u))


# -- contexts in which a run may lie

HANDLERS = [
    # Ends the function, whatever failed.
    (4, "except Exception:\n    return 'failed'"),
    (1, "except BaseException:\n    return 'ended'"),
    (1, "except Fault:\n    return 'fault'"),
    (1, "except Exception:\n    raise RuntimeError('wrapped') from None"),
    (1, "except Exception:\n    log('again')\n    raise"),
    # Goes on, or looks at what was bound.
    (2, "except Exception:\n    pass"),
    (2, "except Exception:\n    return [{name}]"),
    (1, "except Exception:\n    state.last = repr({name})"),
    (1, "except Exception:\n    {name} = 'handled'"),
    # Looks at what failed.
    (1, "except Exception as error:\n    return [type(error).__name__]"),
    (1, "except DbFault:\n    return 'db'\nexcept ApiFault:\n    return 'api'"),
    (1, "except DbFault:\n    log('db')\nexcept ApiFault:\n    state.last = 'api'"),
    (1, "except ApiFault:\n    return 'only api'"),
    # Uses a resource that the run may still hold.
    (1, "except Exception:\n    return await conn.get('handler')"),
    (
        1,
        "except Exception:\n    state.last = await db.put('handler', 1)\n    return 'put'",
    ),
    # Clean-up.
    (1, "finally:\n    log('finally')"),
    (1, "finally:\n    state.last = repr({name})"),
    (1, "finally:\n    await conn.get('finally')"),
    (1, "except Exception:\n    return 'failed'\nelse:\n    log('fine')"),
    (1, "except Exception:\n    return 'failed'\nfinally:\n    log('finally')"),
]


@shape("context", 3)
def in_try(p):
    with p.block("try:"):
        p.body(p.rng.randint(1, 2))
    handler = p.rng.choices([h for _, h in HANDLERS], [w for w, _ in HANDLERS])[0]
    p.put(handler.replace("{name}", p.known_name()))


@shape("context", 0.7)
def in_handler(p):
    with p.block("try:"):
        p.put("raise ValueError('on purpose')")
    with p.block("except ValueError:"):
        p.write_run([p.member(), p.member()])


@shape("context", 0.7)
def in_finally(p):
    with p.block("try:"):
        p.write_run([p.member()])
    with p.block("finally:"):
        p.write_run([p.member(), p.member()])


@shape("context", 1.5)
def in_with(p):
    header = p.pick(
        ("with contextlib.suppress(Fault):", 2),
        ("with contextlib.nullcontext():", 1),
        ("async with quietly():", 2),
        ("async with asyncio.Lock():", 1),
        ("async with asyncio.Semaphore(1):", 1),
    )
    with p.block(header):
        p.body(1)


@shape("context", 1.5)
def in_if(p):
    condition = p.pick(
        ("limit > 1", 3),
        (p.known_name(), 2),
        ("await load('check')", 1),
        ("first == second", 1),
    )
    with p.block("if %s:" % condition):
        p.body(1)
    if p.chance(0.4):
        with p.block("else:"):
            p.body(1)


@shape("context", 1)
def in_for(p):
    variable = p.loop_name()
    header = "for %s in %s:" % (
        variable,
        p.rng.choice(["letters", "(1, 2)", "range(2)"]),
    )
    with p.block(header):
        p.write_run([p.member(), (p.fresh(), "load(%s)" % variable)])
        if p.chance(0.3):
            p.put(
                "if %s:\n    %s" % (p.known_name(), p.rng.choice(["break", "continue"]))
            )


@shape("context", 0.6)
def in_while(p):
    turn = p.fresh()
    p.put("%s = 0" % turn)
    with p.block("while %s < 2:" % turn):
        p.put("%s += 1" % turn)
        p.write_run([p.member(), p.member()])
        if p.chance(0.4):
            p.put("await asyncio.sleep(1)")


@shape("context", 2, inner=False)
def in_inner_function(p):
    u = p.number()
    kept, p.names = p.names, []
    with p.block(
        "async def inner%d(first: str, second: str = 'i', limit: int = 2):" % u
    ):
        spot = len(p.lines)
        p.write_run([p.member() for _ in range(2)])
        if p.chance(0.4):
            p.body(1)
        new, p.names = p.names, kept
        # The inner function has its own variables, numbered apart from the outer ones.
        for i in range(spot, len(p.lines)):
            for name in new:
                p.lines[i] = rename(p.lines[i], name, "%si%d" % (name, u))
        new = ["%si%d" % (name, u) for name in new]
        if new:
            p.lines.insert(spot, "    " * p.depth + " = ".join(new) + " = None")
        p.put("return [%s]" % ", ".join(new))
    if p.chance(0.3):
        p.closures.append("inner%d_" % u)
        p.put("async def inner%d_():\n    return await inner%d('c')" % (u, u))
    p.put("%s = await inner%d('arg')" % (p.fresh(), u))


def rename(line, old, new):
    """Replaces a whole word."""
    return re.sub(r"\b%s\b" % old, new, line)


# -- functions inside the function


@shape("closure", 1, inner=False)
def define_closure(p):
    name, u = p.known_name() if p.names else p.fresh(), p.number()
    p.put(
        p.rng.choice(
            [
                "async def local{u}():\n    await cache.get('c{u}')\n    return {name}",
                "async def local{u}():\n    nonlocal {name}\n    {name} = await api.get('c{u}')\n    return 0",
                "async def local{u}():\n    await api.get('c{u}')\n    return len(shared)",
                "async def local{u}():\n    shared.append(await api.get('c{u}'))\n    return 1",
                "async def local{u}():\n    return await cache.get({name})",
                "async def local{u}():\n    return await cache.get('c{u}')",
            ]
        ).format(u=u, name=name)
    )
    p.closures.append("local%d" % u)


@shape("closure", 1, inner=False)
def closure_reads_target(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        async def reads{u}():
            return await cache.get({a})
        {a} = await api.get('u{u}')
        {b} = await reads{u}()
        """
    )


@shape("closure", 1, inner=False)
def closure_writes_target(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        async def writes{u}():
            nonlocal {a}
            {a} = await api.get('u{u}')
            return 1
        {a} = await cache.get('w{u}')
        {b} = await writes{u}()
        """
    )


@shape("closure", 0.7, inner=False)
def default_captures(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        {a} = 'early{u}'
        async def keeps{u}(key={a}):
            return await cache.get(key)
        {a} = await api.get('u{u}')
        {b} = await keeps{u}()
        """
    )


# -- one danger each


@shape("danger", 1)
def two_handlers(p):
    a, b, use = p.pair()
    u = p.number()
    p.put(
        f"""
        try:
            {a} = await api.get('a{u}')
            {b} = await db.get('b{u}')
            {use}
        except DbFault:
            return ['db', {u}]
        except ApiFault:
            return ['api', {u}]
        """
    )


@shape("danger", 1)
def named_handler(p):
    a, b, use = p.pair()
    u = p.number()
    p.put(
        f"""
        try:
            {a} = await api.get('a{u}')
            {b} = await db.get('b{u}')
            {use}
        except Exception as error:
            return [type(error).__name__, {u}]
        """
    )


@shape("danger", 1)
def partial_result(p):
    a, b = p.fresh(2)
    u = p.number()
    ending = p.rng.choice(
        [
            "except Exception:\n    return [{a}]",
            "except Exception:\n    pass",
            "finally:\n    state.last = repr({a})",
            "except Exception:\n    log({a})\n    return 'logged'",
            "except Exception:\n    return repr(locals().get('{a}'))",
        ]
    ).format(a=a)
    p.put(
        "try:\n    %s = await api.get('a%d')\n    %s = await cache.get('b%d')"
        % (a, u, b, u)
    )
    p.put(ending)


@shape("danger", 1)
def suppressed(p):
    a, b, use = p.pair()
    u = p.number()
    header = p.rng.choice(["with contextlib.suppress(Fault):", "async with quietly():"])
    with p.block(header):
        p.put(f"{a} = await api.get('a{u}')\n{b} = await cache.get('b{u}')\n{use}")


@shape("danger", 1)
def terminal_handler(p):
    """Nothing is wrong here: the one handler ends the function and looks at nothing."""
    a, b, use = p.pair()
    u = p.number()
    p.put(
        f"""
        try:
            {a} = await api.get('a{u}')
            {b} = await load('b{u}')
            {use}
        except Exception:
            return 'unavailable'
        """
    )


@shape("danger", 1)
def exclusive_in_handler(p):
    a, b, use = p.pair()
    u = p.number()
    p.put(
        f"""
        try:
            {a} = await conn.get('a{u}')
            {b} = await api.get('b{u}')
            {use}
        except Exception:
            return await conn.get('h{u}')
        """
    )


@shape("danger", 1)
def argument_state(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        async def sets{u}():
            state.last = await api.get('s{u}')
            return 0
        {a} = await sets{u}()
        {b} = await cache.get(state.last)
        """
    )


@shape("danger", 1)
def shared_list(p):
    a, b = p.fresh(2)
    u = p.number()
    other = p.rng.choice(["shared", "alias%d" % u])
    p.put(
        f"""
        alias{u} = shared
        async def fill{u}(rows):
            rows.append(await api.get('f{u}'))
            return 1
        async def measure{u}(rows):
            await cache.get('m{u}')
            return len(rows)
        {a} = await fill{u}(shared)
        {b} = await measure{u}({other})
        """
    )


@shape("danger", 1)
def lost_update(p):
    p.write_run([(None, "bump('a')"), (None, "bump('b')")])
    p.put("%s = state.count" % p.fresh())


@shape("danger", 1)
def lazy_opening(p):
    a, b = p.fresh(2)
    p.write_run([(a, "open_once('a')"), (b, "open_once('b')")])


@shape("danger", 1)
def rebound_callee(p):
    a, b = p.fresh(2)
    p.write_run([(a, "swap('a')"), (b, "load('b')")])


@shape("danger", 1)
def eager_factory(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        def make{u}(key):
            state.last = key
            return api.get(key)
        {a} = await api.get('a{u}')
        {b} = await make{u}('b{u}')
        """
    )


@shape("danger", 1)
def same_task(p):
    a, b = p.fresh(2)
    p.write_run([(a, "own_task('a')"), (b, "own_task('b')")])


@shape("danger", 1)
def context_variable(p):
    a, b = p.fresh(2)
    p.write_run([(a, "sign_in('ann')"), (b, "who('x')")])
    p.put("%s = current.get()" % p.fresh())


@shape("danger", 1)
def attribute_then_read(p):
    a = p.fresh()
    u = p.number()
    p.put(f"row['k'] = await api.get('a{u}')\n{a} = await cache.get(row['k'])")


@shape("danger", 1)
def guard_then_act(p):
    a = p.fresh()
    u = p.number()
    p.put(
        f"""
        async def check{u}(key):
            if await db.get(key) is None:
                raise DbFault('refused', {u})
        await check{u}('g{u}')
        {a} = await api.put('act{u}', 1)
        """
    )


@shape("danger", 1)
def write_then_read(p):
    a, b = p.fresh(2)
    u = p.number()
    one = p.rng.choice(["db.put('r%d', 1)" % u, "store('r%d')" % u])
    two = p.rng.choice(
        ["db.get('r%d')" % u, "chain('r%d')" % u, "db.put('r%d', 2)" % u]
    )
    p.write_run([(a, one), (b, two)])


@shape("danger", 1)
def read_then_write(p):
    a, b = p.fresh(2)
    u = p.number()
    p.write_run([(a, "api.get('x%d')" % u), (b, "db.put('y%d', 1)" % u)])


@shape("danger", 1)
def two_own_failures(p):
    a, b = p.fresh(2)
    with p.block("try:"):
        p.write_run([(a, "risky('b1')"), (b, "api.get('after')")])
    p.put(
        p.rng.choice(
            ["except Exception:\n    pass", "except DbFault:\n    return 'own'"]
        )
    )


@shape("danger", 1, inner=False)
def atomic_pair(p):
    """Callees that never suspend: between them no other task may see the state."""
    u = p.number()
    seen = p.fresh()
    p.put(
        f"""
        {seen} = []
        async def watch{u}():
            for _ in range(5):
                {seen}.append(state.count)
                await asyncio.sleep(0)
        watcher{u} = asyncio.ensure_future(watch{u}())
        await asyncio.sleep(0)
        state.count = -1
        await plain('a')
        await plain('b')
        state.count = 1
        await watcher{u}
        """
    )


@shape("danger", 1)
def repo_methods(p):
    a, b = p.fresh(2)
    methods = [p.rng.choice(["find", "counted", "connect"]) for _ in range(2)]
    repo = p.rng.choice(["repo", "loud"])
    p.write_run(
        [(a, "%s.%s('a')" % (repo, methods[0])), (b, "%s.%s('b')" % (repo, methods[1]))]
    )


@shape("danger", 1)
def patched_method(p):
    """The instance's method is not the one of its class."""
    a, b = p.fresh(2)
    target = p.rng.choice(["repo", "Repo"])
    bound = "" if target == "repo" else "self, "
    u = p.number()
    p.put(
        f"""
        async def patch{u}({bound}key):
            state.count += 1
            await cache.get(key)
            return state.count
        {target}.find = patch{u}
        """
    )
    p.write_run([(a, "repo.find('a')"), (b, "repo.find('b')")])
    p.put("state.last = [%s, %s]" % (a, b))


@shape("danger", 1)
def subclass_for_base(p):
    """The parameter's annotation names the harmless base class."""
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        async def browse{u}(source: Repo, key: str):
            one = await source.find(key)
            two = await source.find(key + '2')
            return [one, two]
        {a} = await browse{u}(loud, 'x{u}')
        {b} = await browse{u}(repo, 'y{u}')
        """
    )


@shape("danger", 1)
def rebound_locally(p):
    """A local name hides the function of the module."""
    a, b = p.fresh(2)
    u = p.number()
    other = p.rng.choice(["bump", "warm", "stamp", "counting", "remember"])
    p.put(
        f"""
        async def hides{u}():
            load = {other}
            one = await load('h{u}')
            two = await load('i{u}')
            return [one, two]
        {a} = await hides{u}()
        {b} = await load('j{u}')
        """
    )


@shape("danger", 1)
def argument_that_fails(p):
    """The second call's argument cannot be computed; the first call has happened by then."""
    a, b = p.fresh(2)
    u = p.number()
    argument = p.rng.choice(
        ["row['missing']", "shared[99]", "1 // 0", "int(first)", "row.none"]
    )
    p.put(
        f"""
        try:
            {a} = await load('f{u}')
            {b} = await load({argument})
        except (LookupError, ArithmeticError, ValueError, AttributeError):
            state.last = 'argument'
        """
    )


@shape("danger", 1)
def unbound_argument(p):
    """A name that may not be bound where the second call wants it."""
    a = p.fresh()
    u = p.number()
    p.put(
        f"""
        async def unbound{u}(flag):
            if flag:
                extra{u} = 'extra'
            one = await api.get('n{u}')
            two = await cache.get(extra{u})
            return [one, two]
        try:
            {a} = await unbound{u}(limit > 5)
        except NameError:
            {a} = 'unbound'
        """
    )


@shape("danger", 1)
def deleted_target(p):
    a = p.fresh()
    u = p.number()
    p.put(
        f"""
        async def deletes{u}():
            one = await api.get('d{u}')
            two = await cache.get('e{u}')
            del one
            return [two, 'one' in locals()]
        {a} = await deletes{u}()
        """
    )


@shape("danger", 1)
def global_target(p):
    a = p.fresh()
    u = p.number()
    p.put(
        f"""
        async def sets_global{u}():
            global total
            total = await api.get('g{u}')
            other = await get_total('h{u}')
            third = await cache.get('i{u}')
            return [other, third]
        {a} = await sets_global{u}()
        """
    )


@shape("danger", 1)
def same_target_in_handler_type(p):
    """What is caught is an expression, which one of the targets decides."""
    a, b, use = p.pair()
    u = p.number()
    p.put(
        f"""
        caught{u} = ApiFault
        try:
            {a} = await api.get('a{u}')
            caught{u} = DbFault
            {b} = await db.get('b{u}')
            {use}
        except caught{u}:
            return 'expected'
        """
    )


@shape("danger", 1)
def shadowed_gather(p):
    a, b = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        async def shadow{u}():
            asyncio = 'not the module'
            {a} = await api.get('a{u}')
            {b} = await cache.get('b{u}')
            return [{a}, {b}, asyncio]
        {a} = await shadow{u}()
        """
    )


@shape("danger", 0.7, inner=False)
def async_generator(p):
    u = p.number()
    a = p.fresh()
    p.put(
        f"""
        async def stream{u}():
            one = await api.get('a{u}')
            yield one
            two = await cache.get('b{u}')
            three = await db.get('c{u}')
            yield [two, three]
        {a} = [part async for part in stream{u}()]
        """
    )


# -- loops and comprehensions


@shape("loop", 3)
def append_loop(p):
    out, x = p.fresh(), p.loop_name()
    source = p.pick(
        (p.rows(), 8),
        ("(q for q in shared)", 0.7),
        ("state.items", 0.5),
        ("lazily(letters)", 1),
    )
    call = p.pick(
        ("load(%s)" % x, 4),
        ("api.get(%s)" % x, 3),
        (p.wild_call(), 3),
        ("load(len(%s))" % out, 1),
        ("%s(%s)" % (p.helper("state", "write", "task"), x), 2),
    )
    p.put("%s = []" % out)
    with p.block("for %s in %s:" % (x, source)):
        p.put("%s.append(await %s)" % (out, call))
        tail = p.pick(("", 7), ("break", 1), ("grow", 0.7), ("sleep", 0.5))
        if tail == "break":
            p.put("if len(%s) > 1:\n    break" % out)
        elif tail == "grow":
            p.put("if len(shared) < 6:\n    shared.append(%s)" % x)
        elif tail == "sleep":
            p.put("await asyncio.sleep(1)")
    if p.chance(0.2):
        p.put("state.last = repr(%s)" % x)


@shape("loop", 1.5)
def comprehension(p):
    out, x = p.fresh(), p.loop_name()
    call = p.pick(("load(%s)" % x, 4), ("api.get(%s)" % x, 3), (p.wild_call(), 3))
    form = p.rng.choice(
        ["[await {c} for {x} in {s}]"] * 3
        + [
            "{{{x}: await {c} for {x} in {s}}}",
            "[await {c} for {x} in {s} if {x} != 'b']",
            "[{x} for {x} in {s} if await {c}]",
        ]
    )
    source = p.pick((p.rows(), 4), ("range(3)", 1))
    p.put("%s = %s" % (out, form.format(c=call, x=x, s=source)))


@shape("loop", 0.7)
def loop_sees_its_list(p):
    out, x = p.fresh(), p.loop_name()
    u = p.number()
    p.put(
        f"""
        async def sees{u}(key):
            await api.get(key)
            return len({out})
        {out} = []
        for {x} in ('x{u}', 'y{u}'):
            {out}.append(await sees{u}({x}))
        """
        if p.depth == 1
        else f"{out} = []\nfor {x} in letters:\n    {out}.append(await load(len({out})))"
    )


@shape("loop", 0.7)
def loop_fails_lazily(p):
    out, x = p.fresh(), p.loop_name()
    u = p.number()
    p.put(
        f"""
        try:
            {out} = []
            for {x} in lazily(('x{u}', 'y{u}', 'z{u}')):
                {out}.append(await api.get({x}))
        except Fault:
            return state.count
        """
    )


@shape("loop", 0.7)
def loop_collects_until_failure(p):
    out, x = p.fresh(), p.loop_name()
    u = p.number()
    p.put(
        f"""
        {out} = []
        try:
            for {x} in ('x{u}', 'y{u}', 'z{u}'):
                {out}.append(await api.get({x}))
        except Exception:
            log({out})
        """
    )


@shape("loop", 0.7, inner=False)
def loop_grows_its_source(p):
    rows, out = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        {rows} = ['i{u}']
        async def grows{u}(key):
            found = await api.get(key)
            if len({rows}) < 3:
                {rows}.append(key + 'i')
            return found
        {out} = [await grows{u}(key) for key in {rows}]
        """
    )


@shape("loop", 0.7)
def first_match(p):
    out, x = p.fresh(), p.loop_name()
    with p.block("for %s in letters:" % x):
        p.put("%s = await api.get(%s)\nif 'y' in %s:\n    break" % (out, x, out))


@shape("loop", 1.5)
def collecting_loop(p):
    """The other collections that a loop may fill, and totals."""
    out, x = p.fresh(), p.loop_name()
    call = p.pick(("load(%s)" % x, 4), ("api.get(%s)" % x, 2), (p.wild_call(), 1))
    start, body = p.rng.choice(
        [
            ("set()", "{o}.add(await {c})"),
            ("{{}}", "{o}[{x}] = await {c}"),
            ("''", "{o} += await {c}"),
            ("[]", "{o} += [await {c}]"),
            ("None", "await {c}"),
        ]
    )
    rows = p.rows()
    # The tool asks for the empty collection directly before the loop.
    p.put("%s = %s" % (out, start.format()))
    with p.block("for %s in %s:" % (x, rows)):
        p.put(body.format(o=out, c=call, x=x))
    if start == "set()":
        p.put("%s = sorted(map(repr, %s))" % (out, out))


@shape("loop", 0.7)
def nested_loops(p):
    out, x, y = p.fresh(), p.loop_name(), p.loop_name()
    form = p.rng.choice(
        [
            "{o} = [await load({y}) for {x} in letters for {y} in shared]",
            "{o} = [[await load({y}) for {y} in letters] for {x} in 'pq']",
            "{o} = []\nfor {x} in letters:\n    for {y} in ('a', 'b'):\n        {o}.append(await load({y}))",
            "for {x} in letters:\n    {o} = []\n    for {y} in ('a', 'b'):\n        {o}.append(await load({x} + {y}))",
        ]
    )
    p.put(form.format(o=out, x=x, y=y))


# -- gathers of many calls


@shape("fan", 3)
def fan_out(p):
    out, x = p.fresh(), p.loop_name()
    u = p.number()
    call = p.pick(
        ("load(%s)" % x, 2),
        ("api.get(%s)" % x, 4),
        ("lookup(%s)" % x, 2),
        (p.wild_call(), 1),
    )
    source = p.pick(
        ("letters", 4), ("shared", 2), ("range(3)", 1), ("(q for q in shared)", 1)
    )
    all_calls = p.rng.choice(["[%s for %s in %s]", "(%s for %s in %s)"]) % (
        call,
        x,
        source,
    )
    form = p.rng.choice(
        [
            "{o} = await asyncio.gather(*{a})",
            "{o} = await asyncio.gather(*{a}, return_exceptions=True)",
            "calls{u} = {a}\n{o} = await asyncio.gather(*calls{u})",
            "{o} = repr(await asyncio.gather(*{a}))",
        ]
    )
    p.put(form.format(o=out, a=all_calls, u=u))


@shape("fan", 1)
def fan_of_partners(p):
    """Calls that wait for each other: with fewer at once they would wait for ever."""
    out, u = p.fresh(), p.number()
    p.put(
        f"""
        here{u}, everyone{u} = [], asyncio.Event()
        async def meet{u}(key):
            here{u}.append(await api.get(key))
            if len(here{u}) == 3:
                everyone{u}.set()
            await everyone{u}.wait()
            return key
        {out} = await asyncio.gather(*[meet{u}(key) for key in ('a', 'b', 'c')])
        """
    )


@shape("fan", 0.7)
def fan_of_workers(p):
    out, u = p.fresh(), p.number()
    p.put(
        f"""
        queue{u} = asyncio.Queue()
        async def take{u}(key):
            await api.get(key)
            return await queue{u}.get()
        async def give{u}(key):
            await cache.get(key)
            queue{u}.put_nowait(key)
        {out} = await asyncio.gather(
            asyncio.gather(*[take{u}(key) for key in letters]),
            asyncio.gather(*[give{u}(key) for key in letters]),
        )
        """
    )


@shape("fan", 0.7)
def fan_that_changes_names(p):
    out, name = p.fresh(2)
    u = p.number()
    p.put(
        f"""
        {name} = 'n'
        calls{u} = [api.get([key, {name}]) for key in letters]
        {name} = 'm'
        {out} = await asyncio.gather(*calls{u})
        """
    )


# --------------------------------------------------------------------------------------
# From a seed to a program


def drafted(**families):
    """-> a function that writes a program of shapes of these families, by the factors given."""
    return lambda rng: Program(rng, families).text()


def valid(text, may_raise=()):
    """Whether a program comes to its end: with a value, or one of these errors."""
    try:
        code = load(text)
    except SyntaxError:
        return False
    seen = observe(code, Schedule("equal"))
    names = {name for name, _ in seen.error}
    return seen.kind != "stuck" and names <= set(may_raise) and not seen.unawaited


if __name__ == "__main__":
    if "--shapes" in sys.argv:
        for one in SHAPES:
            print(
                "%-9s %-28s %s"
                % (one.family, one.name, (one.write.__doc__ or "").strip())
            )
    else:
        from kinds import program

        print(program(int(sys.argv[1]), *sys.argv[2:3]), end="")
