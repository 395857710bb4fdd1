"""Random programs of steps: functions that call those before them, run side by side, and
hold on to locks, queues, tasks and time limits.

`SteppedProgram` writes what all of them have: delays, logs, loops, handlers, clean-up. Each
kind adds the statements that it is about, right and wrong ones. What rewrites them is
exact, so that a whole trace can be compared, instant by instant; what is unsafe is exact as long
as nothing fails, and its programs are *calm*: they have no handlers and no limits.
"""

import textwrap

HEAD = """
import asyncio
import contextlib
import contextvars

LIMIT = 2
SHORT = 0.5


class State:
    last = None


state = State()
current = contextvars.ContextVar("current", default=None)
gate = asyncio.Event()
inbox = asyncio.Queue()
lock = asyncio.Lock()


def start():
    loop = asyncio.get_running_loop()
    loop.call_at(1.5, gate.set)
    loop.call_at(1, inbox.put_nowait, "first")
    loop.call_at(2.2, inbox.put_nowait, "second")


def settle(promise):
    if not promise.done():
        promise.set_result("settled")


def later(value):
    log("later", value)
    return value


async def still(value):
    return value
"""


class SteppedProgram:
    """The frame, and the statements that programs of every kind have."""

    STEPS = 4
    HEAD = HEAD
    # Besides those of the kind, which are as many as these.
    COMMON = (
        "sleep sleep log timeout cancelled finally await context return loop clean"
    ).split()

    def __init__(self, rng, calm=False):
        self.rng = rng
        self.calm = calm
        self.count = 0

    def number(self):
        self.count += 1
        return self.count

    def delay(self):
        return self.rng.choice(["0", "0.5", "1", "1.5", "2", "4"])

    def chance(self, probability):
        return self.rng.random() < probability

    def special(self, step, depth):
        """The statements that the kind is about, as lines."""
        raise NotImplementedError

    def body(self, step, depth=0):
        """Some statements of the function with this number; it may call those with lower ones."""
        rng, out = self.rng, []
        for _ in range(rng.randint(1, 3)):
            kind = rng.choice(["special"] * len(self.COMMON) + self.COMMON)
            if kind == "special":
                out += self.special(step, depth)
            else:
                out += self.common(kind, step, depth)
        return out or ["pass"]

    def common(self, kind, step, depth):
        rng = self.rng
        if self.calm and kind in ("timeout", "cancelled", "clean", "return"):
            return []
        if kind == "sleep":
            return ["await asyncio.sleep(%s)" % self.delay()]
        if kind == "log":
            return ["log('at', %d, current.get())" % rng.randrange(99)]
        if kind == "context":
            return ["current.set(%d)" % rng.randrange(9)]
        if kind == "await" and step:
            return ["x = await step%d(0)" % rng.randrange(step)]
        if kind == "return" and self.chance(0.3):
            return ["return x"]
        if depth > 1:
            return []
        if kind == "loop":
            return ["for turn in range(2):"] + self.indented(step, depth)
        if kind == "timeout":
            error = rng.choice(["asyncio.TimeoutError", "TimeoutError"])
            lines = ["try:"] + self.indented(step, depth)
            lines += ["except %s as error:" % error]
            lines += ["    log('late', repr(error), repr(error.__cause__))"]
            return lines + (["    raise"] if self.chance(0.3) else [])
        if kind == "cancelled":
            lines = ["try:"] + self.indented(step, depth)
            lines += ["except asyncio.CancelledError:"]
            lines += ["    log('cancelled', asyncio.current_task().cancelling())"]
            return lines + ["    " + line for line in rng.choice(self.ANSWERS)]
        if kind == "finally":
            lines = ["try:"] + self.indented(step, depth)
            lines += ["finally:", "    log('finally')"]
            return lines + rng.choice(
                [[], ["    await asyncio.sleep(%s)" % self.delay()]]
            )
        if kind == "clean":
            return ["with contextlib.suppress(TimeoutError):"] + self.indented(
                step, depth
            )
        return []

    # How code answers to its cancellation, the wrong ways included.
    ANSWERS = [
        ["raise"],
        ["raise"],
        ["await asyncio.sleep(1)", "raise"],
        ["x = 'swallowed'"],
        ["raise ValueError('instead')"],
        ["await asyncio.sleep(0.5)"],
        ["return 'gave up'"],
    ]

    def indented(self, step, depth):
        return ["    " + line for line in self.body(step, depth + 1)]

    def main(self):
        """The body of `main`: the steps side by side, so that they get in each other's way."""
        lines = ["start()", "x = y = 'm'", "limit = 2"]
        calls = ["step%d(%d)" % (self.rng.randrange(self.STEPS), n) for n in range(3)]
        lines += [
            "team = [%s]" % ", ".join("asyncio.ensure_future(%s)" % c for c in calls)
        ]
        lines += self.body(self.STEPS)
        lines += ["done = await asyncio.gather(*team, return_exceptions=True)"]
        return lines + ["return x, y, repr(done)"]

    def text(self):
        parts = [self.HEAD.strip("\n")]
        for step in range(self.STEPS):
            lines = ["x = y = 'x'", "d, items = {}, []"] + self.body(step)
            parts.append(
                function("step%d(a, limit=1.5)" % step, lines + ["return x, a"])
            )
        parts.append(function("main()", self.main()))
        return "\n\n\n".join(parts) + "\n"


def function(signature, lines):
    return "async def %s:\n" % signature + textwrap.indent("\n".join(lines), "    ")


class TimedProgram(SteppedProgram):
    """`wait_for` in every kind of statement, around every kind of awaitable."""

    def __init__(self, rng):
        super().__init__(rng)
        self.call = rng.choice(["asyncio.wait_for"] * 4 + ["wait_for", "aio.wait_for"])
        imports = {
            "asyncio.wait_for": "import asyncio",
            "wait_for": "import asyncio\nfrom asyncio import wait_for",
            "aio.wait_for": "import asyncio\nimport asyncio as aio",
        }[self.call]
        self.HEAD = HEAD.replace("import asyncio", imports, 1)

    def limit(self):
        options = ["0.5", "1", "1.5", "2", "3", "6"] * 3
        options += ["None", "None", "LIMIT", "SHORT", "limit", "0", "-1", "LIMIT / 2"]
        return self.rng.choice(options)

    def awaitable(self, step):
        rng = self.rng
        options = [
            "asyncio.sleep(%s, 'slept')" % self.delay(),
            "gate.wait()",
            "inbox.get()",
            "api.get('k%d')" % rng.randrange(5),
            "db.put('k%d', 1)" % rng.randrange(5),
            "running",
            "asyncio.shield(running)",
            "promise",
            "asyncio.gather(still(1), still(2))",
            "still(%d)" % rng.randrange(9),
        ]
        if step and rng.random() < 0.5:
            return "step%d(%d)" % (rng.randrange(step), rng.randrange(9))
        return rng.choice(options)

    def limited(self, step):
        rng, inner, limit = self.rng, self.awaitable(step), self.limit()
        if rng.random() < 0.04:
            inner = "%s(%s, 1)" % (self.call, inner)
        form = rng.choice(
            ["{c}({a}, {t})"] * 3
            + ["{c}({a}, timeout={t})", "{c}(fut={a}, timeout={t})"]
        )
        return form.format(c=self.call, a=inner, t=limit)

    STATEMENTS = [
        "x = await {e}",
        "x = await {e}",
        "await {e}",
        "await {e}",
        "return await {e}",
        "x = [1, await {e}, 2]",
        "d['k'] = await {e}",
        "state.last = await {e}",
        "log('got', await {e})",
        "x = str(x) + str(await {e})",
        "items += [await {e}]",
        "x: object = await {e}",
        "assert (await {e}) != 'never'",
        "x = y = await {e}",
        "x = await {e}  # as long as it takes",
        "x = (\n    await {e}\n)",
        "if await {e}:\n    log('true')",
        "x = (await {e}, later(x))",
        "x = [await {e} for _ in range(2)]",
        "x = (y := await {e})",
    ]

    def setup(self):
        """What an awaitable may refer to, made anew where it is used up."""
        return [
            "running = asyncio.ensure_future(asyncio.sleep(%s, 'ran'))" % self.delay(),
            "promise = asyncio.get_running_loop().create_future()",
            "asyncio.get_running_loop().call_later(%s, settle, promise)" % self.delay(),
        ]

    def special(self, step, depth):
        if self.chance(0.1):
            return ["async with lock:", "    await asyncio.sleep(%s)" % self.delay()]
        statement = self.rng.choice(self.STATEMENTS).replace("{e}", self.limited(step))
        needs = "running" in statement or "promise" in statement
        return (self.setup() if needs else []) + statement.split("\n")

    def main(self):
        lines = ["start()", "x = y = 'm'", "d, items, limit = {}, [], 2"]
        lines += self.body(self.STEPS)
        last = "asyncio.wait_for(step3(1), %s)" % self.rng.choice(
            ["1", "2.5", "4", "None"]
        )
        return lines + ["x = await " + last, "return x, y, d, items"]


class LockProgram(SteppedProgram):
    """Locks that are acquired and released by hand, contended, with everything in between."""

    HEAD = (
        HEAD
        + """

slots = asyncio.Semaphore(2)
door = asyncio.BoundedSemaphore(1)
changed = asyncio.Condition()


class Account:
    def __init__(self):
        self.lock = asyncio.Lock()


account = Account()
"""
    )

    def held(self, step, depth):
        """What happens while the lock is held, without a lock of its own most of the time."""
        if depth < 2 and self.chance(0.3):
            return self.indented(step, depth)
        lines = [
            "x = await api.get('k%d')" % self.rng.randrange(5),
            "state.last = a_last = state.last, x",
            "await asyncio.sleep(%s)" % self.delay(),
            "log('held', repr(state.last))",
            "x = await db.put('k', %d)" % self.number(),
        ]
        return [
            "    " + line for line in self.rng.sample(lines, self.rng.randint(1, 3))
        ]

    def special(self, step, depth):
        rng = self.rng
        name = rng.choice(["lock"] * 3 + ["slots", "door", "changed", "account.lock"])
        acquire, release = "await %s.acquire()" % name, "%s.release()" % name
        held = self.held(step, depth)
        flat = [line[4:] for line in held]
        form = rng.choice(
            ["finally"] * 5 + ["with", "handler", "more", "less", "tested"]
        )
        if self.calm:
            form = rng.choice(["bare"] * 3 + ["finally", "with", "between"])
        if form == "finally":
            if self.chance(0.2):
                acquire += "  # one at a time"
            return [acquire, "try:"] + held + ["finally:", "    " + release]
        if form == "with":
            return ["async with %s:" % name] + held
        if form == "handler":
            handler = ["except Exception as error:", "    log('failed', repr(error))"]
            handler += ["    raise"] if self.chance(0.5) else []
            return [acquire, "try:"] + held + handler + ["finally:", "    " + release]
        if form == "more":
            log = "    log('free', %s.locked())" % name.replace("changed", "changed")
            both = (
                ["    " + release, log] if self.chance(0.5) else [log, "    " + release]
            )
            return [acquire, "try:"] + held + ["finally:"] + both
        if form == "less":
            lines = ["if not %s.locked():" % name, "    " + acquire, "    try:"]
            lines += ["    " + line for line in held]
            return lines + ["    finally:", "        " + release]
        if form == "tested":
            lines = [
                "taken = not %s.locked()" % name,
                "if taken:",
                "    " + acquire,
                "try:",
            ]
            return lines + held + ["finally:", "    if taken:", "        " + release]
        if form == "between":
            return (
                [acquire, "log('between')", "try:"]
                + held
                + ["finally:", "    " + release]
            )
        return [acquire] + flat + [release]


class QueueProgram(SteppedProgram):
    """Workers that take items from a queue, and somebody who waits until all are done.

    Which of them mark every item, and which only if nothing fails, is left to chance; what would
    wait for ever is no program.
    """

    STEPS = 2

    def work(self, step):
        lines = [
            "x = await api.get(item)",
            "await asyncio.sleep(%s)" % self.delay(),
            "log('took', item)",
            "x = await db.put('k', item)",
            "state.last = item",
        ]
        if step:
            lines.append("x = await step%d(item)" % self.rng.randrange(step))
        return self.rng.sample(lines, self.rng.randint(1, 3))

    def special(self, step, depth):
        return self.work_on_queue(step) if depth == 0 else ["log('round')"]

    def work_on_queue(self, step):
        """A queue with its workers, all of the function's own."""
        rng, u = self.rng, self.number()
        queue = "queue%d" % u
        done = "%s.task_done()" % queue
        work = self.work(step)
        stop = "if item is None:"
        sentinel = self.chance(0.6)
        body = ["item = await %s.get()" % queue]
        form = rng.choice(["plain"] * 3 + ["skips", "finally", "twice", "late"])
        if sentinel:
            # Who stops without a mark must be asked for all of them before.
            body += (
                [stop, "    %s" % done, "    break"]
                if self.chance(0.5)
                else [stop, "    break"]
            )
        if form == "skips":
            body += ["if item == 'c':", "    %s" % done, "    continue"]
        if form == "finally":
            body += (
                ["try:"]
                + ["    " + line for line in work]
                + ["finally:", "    " + done]
            )
        elif form == "late":
            body += work[:1] + [done] + work[1:]
        elif form == "twice":
            body += ["if item == 'b':", "    " + done, "else:"]
            body += ["    " + line for line in work] + ["    " + done]
        else:
            body += work + [done]
        lines = ["%s = asyncio.Queue(%s)" % (queue, rng.choice(["", "2"]))]
        lines += ["async def worker%d(x=None, item=None):" % u]
        lines += ["    while True:"] + ["        " + line for line in body]
        lines += [
            "workers%d = [asyncio.ensure_future(worker%d()) for _ in range(2)]" % (u, u)
        ]
        lines += ["for letter in 'abcde':", "    await %s.put(letter)" % queue]
        marks_stops = sentinel and self.chance(0.4)
        ends = ["for _ in workers%d:" % u, "    await %s.put(None)" % queue]
        join = ["await %s.join()" % queue, "log('joined', %s.qsize())" % queue]
        if sentinel:
            lines += ends + join if marks_stops else join + ends
        else:
            lines += join + ["for task in workers%d:" % u, "    task.cancel()"]
        gathered = "await asyncio.gather(*workers%d, return_exceptions=True)" % u
        return lines + ["log('ended', repr(%s))" % gathered]


class TaskProgram(SteppedProgram):
    """Tasks that nobody keeps, kept ones, and shutdowns of sets of tasks."""

    HEAD = (
        HEAD
        + """

started = set()


class Service:
    def __init__(self):
        self.jobs = 0

    async def job(self, number):
        self.jobs += number
        await api.get(number)
        return self.jobs

    async def launch(self, number):
        asyncio.create_task(self.job(number))


service = Service()


async def job(number, delay=1):
    log("job", number, current.get())
    await asyncio.sleep(delay)
    return await db.put("job", number)


def keep(coroutine):
    task = asyncio.ensure_future(coroutine)
    started.add(task)
    task.add_done_callback(started.discard)
    return task


async def stop():
    for task in started:
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            log("stopped")
"""
    )

    def coroutine(self, step):
        if step and self.chance(0.3):
            return "step%d(%d)" % (self.rng.randrange(step), self.number())
        return (
            self.rng.choice(
                ["job(%d)", "job(%d, delay=2)", "service.job(%d)", "still(%d)"]
            )
            % self.number()
        )

    MAKERS = (
        ["asyncio.create_task({c})"] * 3
        + ["asyncio.ensure_future({c})"] * 3
        + ["asyncio.get_running_loop().create_task({c})"] * 2
        + ["asyncio.create_task({c}, name='named')"]
    )
    # `{m}` makes a task of the coroutine `{c}`, `{u}` is a number.
    FORMS = [
        "{m}",
        "{m}",
        "{m}  # in the background",
        "loop{u} = asyncio.get_running_loop()\nloop{u}.create_task({c})",
        "loop{u} = asyncio.get_event_loop()\nt{u} = loop{u}.create_task({c})\nawait t{u}",
        "t{u} = {m}",
        "_ = {m}",
        "{m}.add_done_callback(lambda task: log('done', task.cancelled()))",
        "t{u} = {m}\nt{u}.add_done_callback(lambda task: log('called'))",
        "t{u} = {m}\nawait t{u}",
        "t{u} = {m}\nawait asyncio.sleep(0)\nt{u}.cancel()",
        "x = await {m}",
        "ts{u} = [{m} for _ in range(2)]\nx = await asyncio.gather(*ts{u})",
        "keep({c})",
        "await service.launch({u})",
        "if limit > 1:\n    {m}\nelse:\n    log('nothing')",
        "limit > 1 and {m}",
        "[{m} for _ in range(2)]",
    ]

    def special(self, step, depth):
        coroutine, u = self.coroutine(step), self.number()
        made = self.rng.choice(self.MAKERS).format(c=coroutine)
        return self.rng.choice(self.FORMS).format(m=made, c=coroutine, u=u).split("\n")

    def main(self):
        lines = super().main()
        return lines[:-1] + self.rng.choice([[], ["await stop()"]]) + lines[-1:]


class StreamProgram(SteppedProgram):
    """Asynchronous generators, and loops that collect what they give."""

    HEAD = (
        HEAD
        + """


async def rows(count):
    for number in range(count):
        yield await api.get(number)
    log("no more rows")


class Feed:
    def __init__(self, count):
        self.left = count

    def __aiter__(self):
        return self

    async def __anext__(self):
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        return [await db.get(self.left)] * 2
"""
    )

    SOURCES = ["rows(3)", "rows(LIMIT)", "Feed(2)", "rows(await still(2))"]
    ITEMS = [
        "{i}",
        "{i}",
        "[{i}, 1]",
        "(await cache.get({i}), {i})",
        "later({i})",
        "len(o{u})",
    ]
    TESTS = ["", "", "if {i}:", "if '1' in str({i}):", "if await still({i}):"]

    def special(self, step, depth):
        rng, u = self.rng, self.number()
        source, item, test = (
            rng.choice(c) for c in (self.SOURCES, self.ITEMS, self.TESTS)
        )
        form = rng.choice(
            ["append"] * 6 + ["nested", "apart", "else", "stops", "twice", "with"]
        )
        loop = ["async for i{u} in %s:" % source]
        inner = "    "
        if test:
            loop.append(inner + test)
            inner += "    "
        append = inner + "o{u}.append(%s)" % item
        made = ["o{u} = []"]
        if form == "nested":
            append = "    " + append.replace("{i}", "part")
            append = [inner + "for part in str({i}):", append]
        elif form == "stops":
            append = [append, inner + "break"]
        elif form == "twice":
            append = [append, append]
        else:
            append = [append]
        if form == "apart":
            made += ["log('made')"]
        lines = made + loop + append
        if form == "else":
            lines += ["else:", "    log('else')"]
        if form == "with":
            loop = ["    " + line for line in loop + append]
            lines = made + ["with contextlib.suppress(RuntimeError):"] + loop
        lines += rng.choice(
            [
                ["x = o{u}"],
                ["x = o{u}"],
                ["x = [o{u}, i{u}]"],
                ["log('rows', repr(o{u}))"],
            ]
        )
        if lines[-1].endswith("i{u}]"):
            lines = ["i{u} = None"] + lines
        return [line.replace("{i}", "i{u}").replace("{u}", str(u)) for line in lines]
