"""Checks the comparison itself, without the tool.

    python tests/trace/selftest.py

Hand-made rewrites, right and wrong: the comparison must pass every right one and object to
every wrong one, for the reason that is written beside it. Then the generator: every shape is
drawn and valid, and a seed always gives the same program. Then the driver's exit status.
Exit status: 0 all as expected, else 1.
"""

import collections
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from compare import STRICT, Promise, differences  # noqa: E402
from kinds import KINDS, SET_CHANGED, program  # noqa: E402
from programs import SHAPES  # noqa: E402
from world import Schedule, load, observe  # noqa: E402

Pair = collections.namedtuple("Pair", "name objection before after promise python")
PAIRS = []

HEAD = """
import asyncio
import contextlib
import contextvars

class State:
    total = 0
    token = None

state = State()
current = contextvars.ContextVar("current", default="nobody")
"""


def right(name, before, after, promise=None, python=(3, 8)):
    PAIRS.append(Pair(name, None, HEAD + before, HEAD + after, promise, python))


def wrong(name, objection, before, after, promise=None, python=(3, 8)):
    PAIRS.append(Pair(name, objection, HEAD + before, HEAD + after, promise, python))


# --------------------------------------------------------------------------------------
# Awaits that overlap

TWO_READS = """
async def main():
    account = await api.get("account")
    rights = await cache.get("rights")
    return account, rights
"""
TWO_READS_GATHERED = """
async def main():
    account, rights = await asyncio.gather(api.get("account"), cache.get("rights"))
    return account, rights
"""
right("two reads", TWO_READS, TWO_READS_GATHERED)
right(
    "two reads of one client, through helpers",
    """
    async def title(key):
        row = await api.get(key)
        return row.title()

    async def main():
        left = await title("left")
        right = await title("right")
        await api.put("seen", left + right)
        return left, right
    """,
    """
    async def title(key):
        row = await api.get(key)
        return row.title()

    async def main():
        left, right = await asyncio.gather(title("left"), title("right"))
        await api.put("seen", left + right)
        return left, right
    """,
)
wrong(
    "the results are swapped",
    "outcome",
    TWO_READS,
    TWO_READS_GATHERED.replace("account, rights =", "rights, account ="),
)
wrong(
    "a list instead of a tuple",
    "outcome",
    """
    async def main():
        return await api.get("a"), await cache.get("b")
    """,
    """
    async def main():
        return await asyncio.gather(api.get("a"), cache.get("b"))
    """,
)
wrong(
    "one read is forgotten",
    "outcome",
    TWO_READS,
    """
    async def main():
        account = rights = await api.get("account")
        return account, rights
    """,
)
wrong(
    "a coroutine is made and dropped",
    "unawaited",
    """
    async def note(key):
        await cache.get(key)

    async def main():
        await note("a")
        await note("b")
    """,
    """
    async def note(key):
        await cache.get(key)

    async def main():
        await note("a")
        await cache.get("b")
        note("b")
    """,
)
wrong(
    "the second read needs the first",
    "outcome",
    """
    async def main():
        owner = "unknown"
        owner = await api.get("owner")
        home = await cache.get(owner)
        return owner, home
    """,
    """
    async def main():
        owner = "unknown"
        owner, home = await asyncio.gather(api.get("owner"), cache.get(owner))
        return owner, home
    """,
)
wrong(
    "a read overtakes a write",
    "outcome",
    """
    async def main():
        number = await db.put("row", "new")
        row = await db.get("row")
        return number, row
    """,
    """
    async def main():
        number, row = await asyncio.gather(db.put("row", "new"), db.get("row"))
        return number, row
    """,
)
wrong(
    "two writes to one resource",
    "outcome",
    """
    async def main():
        first = await db.put("a", 1)
        second = await db.put("b", 1)
        return first, second
    """,
    """
    async def main():
        first, second = await asyncio.gather(db.put("a", 1), db.put("b", 1))
        return first, second
    """,
)
wrong(
    "two writes to one resource whose numbers nobody reads",
    "writes",
    """
    async def main():
        await db.put("a", 1)
        await db.put("b", 1)
    """,
    """
    async def main():
        await asyncio.gather(db.put("a", 1), db.put("b", 1))
    """,
)
wrong(
    "a write that must not happen when the read before it fails",
    "writes",
    """
    async def main():
        await api.get("permission")
        await db.put("order", 1)
    """,
    """
    async def main():
        await asyncio.gather(api.get("permission"), db.put("order", 1))
    """,
)
WRITE_THEN_READ = """
async def main():
    number = await db.put("order", 1)
    price = await api.get("price")
    return number, price
"""
right(
    "a write and then a read elsewhere, when nothing looks at failures",
    WRITE_THEN_READ,
    """
    async def main():
        number, price = await asyncio.gather(db.put("order", 1), api.get("price"))
        return number, price
    """,
    Promise(failures=False),
)
wrong(
    "a caller that looks at the write after a failure of the read",
    "outcome",
    WRITE_THEN_READ.replace("main", "place")
    + """
async def main():
    try:
        return await place()
    except Fault:
        return await db.get("order")
""",
    """
    async def place():
        number, price = await asyncio.gather(db.put("order", 1), api.get("price"))
        return number, price

    async def main():
        try:
            return await place()
        except Fault:
            return await db.get("order")
    """,
)
wrong(
    "one connection, two operations",
    "outcome",
    """
    async def main():
        return [await conn.get("a"), await conn.get("b")]
    """,
    """
    async def main():
        return list(await asyncio.gather(conn.get("a"), conn.get("b")))
    """,
)
wrong(
    "one connection, in the run and in the handler",
    "outcome",
    """
    async def main():
        try:
            row = await conn.get("row")
            page = await api.get("page")
        except Fault:
            return await conn.get("reason")
        return row, page
    """,
    """
    async def main():
        try:
            row, page = await asyncio.gather(conn.get("row"), api.get("page"))
        except Fault:
            return await conn.get("reason")
        return row, page
    """,
)
COUNT_TWICE = """
async def count(key):
    before = state.total
    await cache.get(key)
    state.total = before + 1

async def main():
    await count("a")
    await count("b")
"""
wrong(
    "an update is lost",
    "state",
    COUNT_TWICE,
    COUNT_TWICE.replace(
        'await count("a")\n    await count("b")',
        'await asyncio.gather(count("a"), count("b"))',
    ),
)
LOG_IN = """
async def token():
    if state.token is None:
        state.token = await api.put("session", 1)
    return state.token

async def page(key):
    await token()
    return await cache.get(key)

async def main():
    one = await page("one")
    two = await page("two")
    return one, two
"""
wrong(
    "something is opened twice",
    "writes",
    LOG_IN,
    LOG_IN.replace(
        'one = await page("one")\n    two = await page("two")',
        'one, two = await asyncio.gather(page("one"), page("two"))',
    ),
)
wrong(
    "a list is measured before it is filled",
    "outcome",
    """
    async def fill(rows):
        rows.append(await api.get("row"))

    async def size(rows):
        await cache.get("size")
        return len(rows)

    async def main():
        rows = []
        await fill(rows)
        length = await size(rows)
        return rows, length
    """,
    """
    async def fill(rows):
        rows.append(await api.get("row"))

    async def size(rows):
        await cache.get("size")
        return len(rows)

    async def main():
        rows = []
        _, length = await asyncio.gather(fill(rows), size(rows))
        return rows, length
    """,
)
SIGN_IN = """
async def sign_in(name):
    await api.get(name)
    current.set(name)

async def main():
    await sign_in("ann")
    await cache.get("page")
    return "done"
"""
wrong(
    "a context variable stays in the child task",
    "context",
    SIGN_IN,
    SIGN_IN.replace(
        'await sign_in("ann")\n    await cache.get("page")',
        'await asyncio.gather(sign_in("ann"), cache.get("page"))',
    ),
)
wrong(
    "a callee asks which task it runs in",
    "outcome",
    """
    async def main():
        mine = asyncio.current_task()

        async def own(key):
            await api.get(key)
            return asyncio.current_task() is mine

        one = await own("a")
        two = await own("b")
        return one, two
    """,
    """
    async def main():
        mine = asyncio.current_task()

        async def own(key):
            await api.get(key)
            return asyncio.current_task() is mine

        one, two = await asyncio.gather(own("a"), own("b"))
        return one, two
    """,
)
wrong(
    "a plain function works when it is called",
    "writes",
    """
    async def main():
        one = await api.get("a")
        two = await db.put_now("b", 1)
        return one, two
    """,
    """
    async def main():
        one, two = await asyncio.gather(api.get("a"), db.put_now("b", 1))
        return one, two
    """,
)
wrong(
    "the handler shows what was bound before the failure",
    "outcome",
    """
    async def main():
        one = two = None
        try:
            one = await api.get("a")
            two = await cache.get("b")
        except Fault:
            pass
        return one, two
    """,
    """
    async def main():
        one = two = None
        try:
            one, two = await asyncio.gather(api.get("a"), cache.get("b"))
        except Fault:
            pass
        return one, two
    """,
)
right(
    "the handler ends the function and shows nothing",
    """
    async def main():
        try:
            one = await api.get("a")
            two = await cache.get("b")
        except Fault:
            return "failed"
        return one, two
    """,
    """
    async def main():
        try:
            one, two = await asyncio.gather(api.get("a"), cache.get("b"))
        except Fault:
            return "failed"
        return one, two
    """,
)
TWO_HANDLERS = """
async def main():
    try:
        one = await api.get("a")
        two = await db.get("b")
    except DbFault:
        return "no database"
    except ApiFault:
        return "no service"
    return one, two
"""
wrong(
    "both fail, and the handlers tell them apart",
    "outcome",
    TWO_HANDLERS,
    """
    async def main():
        try:
            one, two = await asyncio.gather(api.get("a"), db.get("b"))
        except DbFault:
            return "no database"
        except ApiFault:
            return "no service"
        return one, two
    """,
)
IN_ORDER = """
async def in_order(*awaitables):
    tasks = [asyncio.ensure_future(one) for one in awaitables]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
"""
right(
    "both fail, and the first of the source is raised",
    TWO_HANDLERS,
    IN_ORDER
    + """
async def main():
    try:
        one, two = await in_order(api.get("a"), db.get("b"))
    except DbFault:
        return "no database"
    except ApiFault:
        return "no service"
    return one, two
""",
    Promise(source_order=True),
)
right("both fail, either may be raised", TWO_READS, TWO_READS_GATHERED)
wrong(
    "both fail, the first of the source was promised",
    "exception",
    TWO_READS,
    TWO_READS_GATHERED,
    Promise(source_order=True),
)
GROUPED = """
async def main():
    async with asyncio.TaskGroup() as group:
        account = group.create_task(api.get("account"))
        rights = group.create_task(cache.get("rights"))
    return account.result(), rights.result()
"""
wrong("a task group wraps what fails", "group", TWO_READS, GROUPED, python=(3, 11))
right(
    "a task group, and groups are expected",
    TWO_READS,
    GROUPED,
    Promise(groups=True),
    (3, 11),
)
wrong(
    "a failure is swallowed",
    "outcome",
    TWO_READS,
    """
    async def main():
        found = await asyncio.gather(
            api.get("account"), cache.get("rights"), return_exceptions=True
        )
        return tuple(found)
    """,
)
wrong(
    "a task is started and not waited for",
    "outcome",
    TWO_READS,
    """
    async def main():
        account = asyncio.ensure_future(api.get("account"))
        rights = await cache.get("rights")
        return account.done() and account.result(), rights
    """,
)
wrong(
    "a task outlives the program",
    "leaked",
    """
    async def main():
        await api.get("a")
        await cache.get("b")
        return "done"
    """,
    """
    async def main():
        other = asyncio.ensure_future(api.get("a"))
        await cache.get("b")
        await asyncio.sleep(0 if other.done() else 0.01)
        return "done"
    """,
)
wrong(
    "a cancelled program leaves a task behind",
    "lingering",
    TWO_READS,
    """
    async def main():
        account = asyncio.ensure_future(api.get("account"))
        rights = asyncio.ensure_future(cache.get("rights"))
        await asyncio.wait([account, rights])
        return account.result(), rights.result()
    """,
)
CAREFUL = """
async def careful(key):
    try:
        return await api.get(key)
    finally:
        await cache.get("closed")

async def main():
    one = await careful("a")
    two = await api.get("b")
    return one, two
"""
wrong(
    "a cancelled program is over before its clean-up is",
    "lingering",
    CAREFUL,
    CAREFUL.replace(
        'one = await careful("a")\n    two = await api.get("b")',
        'one, two = await asyncio.gather(careful("a"), api.get("b"))',
    ),
)
NESTED = """
async def both(left, right):
    one = await api.get(left)
    two = await cache.get(right)
    return one, two

async def main():
    first = await both("a", "b")
    second = await api.get("c")
    return first, second
"""
right(
    "a cancelled group in a cancelled group",
    NESTED,
    """
    async def both(left, right):
        one, two = await asyncio.gather(api.get(left), cache.get(right))
        return one, two

    async def main():
        first, second = await asyncio.gather(both("a", "b"), api.get("c"))
        return first, second
    """,
)
wrong(
    "a cancellation is turned into something else",
    "not cancelled",
    TWO_READS,
    """
    async def main():
        try:
            account, rights = await asyncio.gather(api.get("account"), cache.get("rights"))
        except asyncio.CancelledError:
            raise RuntimeError("stopped") from None
        return account, rights
    """,
)
wrong(
    "a cancelled program writes on",
    "writes",
    """
    async def main():
        await api.get("a")
        await db.put("b", 1)
        await db.put("c", 1)
    """,
    """
    async def main():
        await api.get("a")
        try:
            await db.put("b", 1)
        finally:
            await db.put("c", 1)
    """,
    # Without failures only the cancelled runs can tell.
    Promise(),
)
wrong(
    "a log line changes its place",
    "logs",
    """
    async def main():
        one = await api.get("a")
        log("got", one)
        two = await cache.get("b")
        log("got", two)
    """,
    """
    async def main():
        one, two = await asyncio.gather(api.get("a"), cache.get("b"))
        log("got", two)
        log("got", one)
    """,
)
wrong(
    "a statement between the awaits moves up",
    "state",
    """
    async def main():
        one = await api.get("a")
        state.total = 1
        two = await cache.get("b")
        return one, two
    """,
    """
    async def main():
        state.total = 1
        one, two = await asyncio.gather(api.get("a"), cache.get("b"))
        return one, two
    """,
)
wrong(
    "callees that never wait were one step for everybody else",
    "outcome",
    """
    async def twice(number):
        return number * 2

    async def main():
        seen = []

        async def watch():
            for _ in range(4):
                seen.append(state.total)
                await asyncio.sleep(0)

        watcher = asyncio.ensure_future(watch())
        await asyncio.sleep(0)
        state.total = -1
        one = await twice(1)
        two = await twice(2)
        state.total = one + two
        await watcher
        return seen
    """,
    """
    async def twice(number):
        return number * 2

    async def main():
        seen = []

        async def watch():
            for _ in range(4):
                seen.append(state.total)
                await asyncio.sleep(0)

        watcher = asyncio.ensure_future(watch())
        await asyncio.sleep(0)
        state.total = -1
        one, two = await asyncio.gather(twice(1), twice(2))
        state.total = one + two
        await watcher
        return seen
    """,
)
wrong(
    "what waits for its sibling waits for ever",
    "outcome",
    """
    async def main():
        gate = asyncio.Semaphore(2)
        async with gate:
            one = await api.get("a")
        async with gate:
            two = await api.get("b")
        return one, two
    """,
    """
    async def main():
        gate = asyncio.Semaphore(1)

        async def read(key):
            async with gate:
                async with gate:
                    return await api.get(key)

        one, two = await asyncio.gather(read("a"), read("b"))
        return one, two
    """,
)
right(
    "a callee that fails by itself: a later read may have started",
    """
    async def strict(key):
        row = await api.get(key)
        raise DbFault("no " + key)

    async def main():
        one = await strict("a")
        two = await cache.get("b")
        return one, two
    """,
    """
    async def strict(key):
        row = await api.get(key)
        raise DbFault("no " + key)

    async def main():
        one, two = await asyncio.gather(strict("a"), cache.get("b"))
        return one, two
    """,
)

# --------------------------------------------------------------------------------------
# Loops

LOOP = """
async def main():
    pages = []
    for key in ["a", "b", "c", "d"]:
        pages.append(await api.get(key))
    return pages
"""
right(
    "a loop of reads",
    LOOP,
    """
    async def main():
        pages = await asyncio.gather(*[api.get(key) for key in ["a", "b", "c", "d"]])
        return pages
    """,
)
BOUNDED = """
async def main():
    semaphore = asyncio.Semaphore(2)

    async def bounded(key):
        async with semaphore:
            return await api.get(key)

    pages = await asyncio.gather(*[bounded(key) for key in ["a", "b", "c", "d"]])
    return pages
"""
right("a loop of reads, two at a time", LOOP, BOUNDED, Promise(limits={"api": 2}))
wrong(
    "more at a time than promised",
    "at once",
    LOOP,
    BOUNDED.replace("Semaphore(2)", "Semaphore(3)"),
    Promise(limits={"api": 2}),
)
wrong(
    "every call gets the last value of the loop",
    "outcome",
    LOOP,
    """
    async def main():
        calls = []
        for key in ["a", "b", "c", "d"]:

            async def read():
                return await api.get(key)

            calls.append(read())
        return await asyncio.gather(*calls)
    """,
)
wrong(
    "results in the order of arrival",
    "outcome",
    LOOP,
    """
    async def main():
        calls = [api.get(key) for key in ["a", "b", "c", "d"]]
        return [await one for one in asyncio.as_completed(calls)]
    """,
)
wrong(
    "coroutines wait in a queue and are dropped",
    "unawaited",
    LOOP,
    """
    async def main():
        semaphore = asyncio.Semaphore(1)

        async def bounded(call):
            async with semaphore:
                return await call

        calls = [api.get(key) for key in ["a", "b", "c", "d"]]
        return await asyncio.gather(*[bounded(call) for call in calls])
    """,
)
wrong(
    "a loop that stops early reads too much",
    "reads",
    """
    async def main():
        for key in ["a", "b", "c"]:
            page = await api.get(key)
            if "b" in page:
                break
        return page
    """,
    """
    async def main():
        for page in await asyncio.gather(*[api.get(key) for key in ["a", "b", "c"]]):
            if "b" in page:
                break
        return page
    """,
)
wrong(
    "what was collected before a failure",
    "outcome",
    """
    async def main():
        pages = []
        try:
            for key in ["a", "b", "c"]:
                pages.append(await api.get(key))
        except Fault:
            pass
        return pages
    """,
    """
    async def main():
        pages = []
        try:
            pages = await asyncio.gather(*[api.get(key) for key in ["a", "b", "c"]])
        except Fault:
            pass
        return pages
    """,
)

# --------------------------------------------------------------------------------------
# Exact rewrites

STREAM = """
async def stream():
    for key in "abc":
        yield await api.get(key)
"""
right(
    "an asynchronous comprehension",
    STREAM
    + """
async def main():
    rows = []
    async for row in stream():
        rows.append(row)
    return rows
""",
    STREAM
    + """
async def main():
    rows = [row async for row in stream()]
    return rows
""",
    STRICT,
)
wrong(
    "an asynchronous comprehension, and a handler that shows the rows",
    "outcome",
    STREAM
    + """
async def main():
    rows = []
    try:
        async for row in stream():
            rows.append(row)
    except Fault:
        pass
    return rows
""",
    STREAM
    + """
async def main():
    rows = []
    try:
        rows = [row async for row in stream()]
    except Fault:
        pass
    return rows
""",
    STRICT,
)
wrong("overlapping is not exact", "events", TWO_READS, TWO_READS_GATHERED, STRICT)
LIMITED = """
async def main():
    try:
        page = await asyncio.wait_for(api.get("page"), 1.5)
    except asyncio.TimeoutError as error:
        return "late", repr(error.__cause__)
    return page
"""
TIMEOUT = """
async def main():
    try:
        async with asyncio.timeout(1.5):
            page = await api.get("page")
    except asyncio.TimeoutError as error:
        return "late", repr(error.__cause__)
    return page
"""
right("wait_for and timeout", LIMITED, TIMEOUT, STRICT, (3, 12))
wrong(
    "another time limit",
    "events",
    LIMITED,
    TIMEOUT.replace("1.5", "2.5"),
    STRICT,
    (3, 12),
)
wrong(
    "the time limit holds for a second await as well",
    "outcome",
    """
    async def main():
        one = await asyncio.wait_for(api.get("one"), 1.5)
        two = await cache.get("two")
        return one, two
    """,
    """
    async def main():
        async with asyncio.timeout(1.5):
            one = await api.get("one")
            two = await cache.get("two")
        return one, two
    """,
    STRICT,
    (3, 12),
)
wrong(
    "no time at all: the coroutine is never started",
    "outcome",
    """
    async def quick():
        log("started")
        return "quick"

    async def main():
        return await asyncio.wait_for(quick(), 0)
    """,
    """
    async def quick():
        log("started")
        return "quick"

    async def main():
        async with asyncio.timeout(0):
            return await quick()
    """,
    STRICT,
    (3, 12),
)
wrong(
    "one limit for two turns of a comprehension",
    "outcome",
    """
    async def main():
        return [await asyncio.wait_for(asyncio.sleep(1, key), 1.5) for key in "ab"]
    """,
    """
    async def main():
        async with asyncio.timeout(1.5):
            return [await asyncio.sleep(1, key) for key in "ab"]
    """,
    STRICT,
    (3, 12),
)
wrong(
    "the clock starts before the arguments are computed",
    "outcome",
    """
    async def main():
        return await asyncio.wait_for(asyncio.sleep(1, await api.get("key")), 1.5)
    """,
    """
    async def main():
        async with asyncio.timeout(1.5):
            return await asyncio.sleep(1, await api.get("key"))
    """,
    STRICT,
    (3, 12),
)
right(
    "a lock, however it ends",
    """
    lock = None

    async def main():
        global lock
        lock = asyncio.Lock()
        await lock.acquire()
        try:
            return await api.get("a")
        finally:
            lock.release()
    """,
    """
    lock = None

    async def main():
        global lock
        lock = asyncio.Lock()
        async with lock:
            return await api.get("a")
    """,
    STRICT,
)
wrong(
    "a lock that a failure does not release",
    "outcome",
    """
    async def main():
        lock = asyncio.Lock()
        try:
            async with lock:
                await api.get("a")
        except Fault:
            pass
        return lock.locked()
    """,
    """
    async def main():
        lock = asyncio.Lock()
        try:
            await lock.acquire()
            await api.get("a")
            lock.release()
        except Fault:
            pass
        return lock.locked()
    """,
    STRICT,
)

# --------------------------------------------------------------------------------------
# Queues and tasks

WORKER = """
    async def main():
        queue = asyncio.Queue()

        async def work():
            while True:
                item = await queue.get()
                if item is None:
                    break
                await api.get(item)
                queue.task_done()
                await cache.get(item)

        task = asyncio.ensure_future(work())
        for item in ("a", "b", None):
            queue.put_nowait(item)
        await asyncio.sleep(99)
        log("left", queue._unfinished_tasks)
        return await task
"""
right(
    "items are marked where they were, and the last one too",
    WORKER.replace("queue._unfinished_tasks", "'?'"),
    """
    async def main():
        queue = asyncio.Queue()

        async def work():
            while True:
                item = await queue.get()
                try:
                    if item is None:
                        break
                    await api.get(item)
                finally:
                    queue.task_done()
                await cache.get(item)

        task = asyncio.ensure_future(work())
        for item in ("a", "b", None):
            queue.put_nowait(item)
        await asyncio.sleep(99)
        log("left", '?')
        return await task
    """,
    Promise(mode="strict", failures=False),
)
JOINED = """
    async def main():
        queue = asyncio.Queue()

        async def work():
            item = await queue.get()
            await api.get(item)
            queue.task_done()
            await cache.get(item)

        task = asyncio.ensure_future(work())
        queue.put_nowait("a")
        await queue.join()
        log("joined")
        await task
"""
wrong(
    "an item is marked later, and who waits for it waits longer",
    "events",
    JOINED,
    """
    async def main():
        queue = asyncio.Queue()

        async def work():
            item = await queue.get()
            try:
                await api.get(item)
                await cache.get(item)
            finally:
                queue.task_done()

        task = asyncio.ensure_future(work())
        queue.put_nowait("a")
        await queue.join()
        log("joined")
        await task
    """,
    Promise(mode="strict", failures=False),
)
wrong(
    "an item is marked when it is taken",
    "events",
    JOINED,
    JOINED.replace(
        "await api.get(item)\n            queue.task_done()",
        "queue.task_done()\n            await api.get(item)",
    ),
    Promise(mode="strict", failures=False),
)
DROPPED = """
    async def main():
        asyncio.create_task(api.get("a"))
        return await cache.get("b")
"""
right(
    "a task that is kept",
    DROPPED,
    """
    _kept = set()

    async def main():
        task = asyncio.create_task(api.get("a"))
        _kept.add(task)
        task.add_done_callback(_kept.discard)
        return await cache.get("b")
    """,
    STRICT,
)
wrong(
    "a task that is awaited instead",
    "events",
    DROPPED,
    DROPPED.replace('asyncio.create_task(api.get("a"))', 'await api.get("a")'),
    STRICT,
)
STOPPED = """
    tasks = set()

    async def main():
        for key in ("a", "b", "c"):
            task = asyncio.ensure_future(api.get(key))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        for task in tasks:
            await task
        return "stopped"
"""
right(
    "a set that changes while a loop goes over it, mended",
    STOPPED,
    STOPPED.replace("in tasks:", "in list(tasks):"),
    Promise(mode="strict", failures=False, repairs=(SET_CHANGED,)),
)
wrong(
    "a set that changes, and nothing is to be mended",
    "outcome",
    STOPPED,
    STOPPED.replace("in tasks:", "in list(tasks):"),
    Promise(mode="strict", failures=False),
)

# --------------------------------------------------------------------------------------


def check_pairs():
    problems = []
    for pair in PAIRS:
        if sys.version_info < pair.python:
            continue
        found = differences(
            dedented(pair.before), dedented(pair.after), pair.promise, most=5
        )
        saw = [one.what for one in found]
        if pair.objection is None and found:
            problems.append(
                "right, but found different: %s: %s" % (pair.name, found[0])
            )
        if pair.objection and not any(pair.objection in what for what in saw):
            problems.append(
                "wrong for %r, found %s: %s" % (pair.objection, saw, pair.name)
            )
    return problems


def dedented(text):
    """The bodies of pairs are indented for the reader; HEAD before them is not."""
    lines = text[len(HEAD) :].split("\n")
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return HEAD + "\n".join(line[margin:] for line in lines)


def check_clock():
    stuck = observe(
        load("import asyncio\nasync def main(): await asyncio.Event().wait()"),
        Schedule(),
    )
    return (
        []
        if stuck.kind == "stuck"
        else ["a program that waits for ever: %s" % stuck.kind]
    )


def check_generator():
    problems, drawn = [], set()
    for kind in KINDS:
        for seed in range(60):
            text = program(seed, kind)
            if seed < 3 and text != program(seed, kind):
                problems.append("%s seed %d gives two programs" % (kind, seed))
            drawn.update(shapes_of(text))
    # The rare ones come later; stop as soon as all have been seen.
    for seed in range(60, 600):
        missing = {one.name for one in SHAPES} - drawn
        if not missing:
            break
        for kind in ("gather", "bound"):
            drawn.update(shapes_of(program(seed, kind)))
    else:
        problems.append("never drawn: %s" % ", ".join(sorted(missing)))
    return problems


def shapes_of(text):
    """The names in a program's first line."""
    return text.split("\n", 1)[0].replace("# shapes: ", "").split(", ")


# Tools that rewrite nothing, nothing that matters, something that does; and one that fails.
TOOLS = [
    ("nothing", "pass", 2),
    (
        "a comment",
        "text = text.replace('import asyncio\\n', 'import asyncio  # kept\\n', 1)",
        0,
    ),
    (
        "a callee",
        "text = text.replace('await api.get(key)', 'await cache.get(key)')",
        1,
    ),
    ("a syntax error", "text = text.replace('async def job(', 'async def job((')", 1),
    ("never the same twice", "text += '#\\n'", 1),
    ("a failure", "sys.exit(3)", 2),
]
TOOL = """#!%s
import pathlib, sys
for path in pathlib.Path(sys.argv[-1]).glob("*.py"):
    text = path.read_text()
    %s
    path.write_text(text)
"""


def check_driver():
    if os.name == "nt":
        return []  # a script is no program there
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        for name, code, status in TOOLS:
            tool = Path(folder) / "tool"
            tool.write_text(TOOL % (sys.executable, code))
            tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
            command = [
                sys.executable,
                str(HERE / "trace.py"),
                "--tool",
                str(tool),
                "--count",
                "8",
            ]
            done = subprocess.run(
                command + ["--jobs", "1"],
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            if done.returncode != status:
                text = done.stdout.decode(errors="replace")
                problems.append(
                    "a tool that changes %s: exit %d\n%s"
                    % (name, done.returncode, text)
                )
    return problems


def main():
    problems = check_clock() + check_pairs() + check_generator() + check_driver()
    for problem in problems:
        print(problem)
    here = [pair for pair in PAIRS if sys.version_info >= pair.python]
    print(
        "%d pairs (%d right, %d wrong), %d shapes, %d problems (Python %d.%d)"
        % (
            len(here),
            sum(pair.objection is None for pair in here),
            sum(pair.objection is not None for pair in here),
            len(SHAPES),
            len(problems),
            *sys.version_info[:2],
        )
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
