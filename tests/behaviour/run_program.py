"""Runs one program and prints, as one line of JSON, what could be seen of it.

    python run_program.py FILE

A program is a module that defines `async def main(base)` or `async def main()`; `base` is
the address of a test server (see server.py). A module that calls `asyncio.run` by itself is a
script: it is only executed. The line has these fields:

    outcome     "returned", "raised" or "skipped"
    value       repr of the value, or type and message of the exception, or why it was skipped
    effects     the module's list `effects`, if it has one
    stdout      what was printed
    requests    what the server was asked, in the order of arrival
    warnings    coroutines that were never awaited
    complaints  what reached the loop's exception handler
    left        tasks that were still alive when main ended
    stall_ms    the longest time that the event loop did not turn: to be looked at, not compared

An exception of `main` is part of the observation; the exit status is 0 all the same.
"""

import ast
import asyncio
import contextlib
import gc
import inspect
import io
import json
import logging
import sys
import threading
import time
import types
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from server import serving  # noqa: E402

SCRIPT_CALLS = ("asyncio.run", "run", "aio.run", "trio.run", "anyio.run")


class Skipped(Exception):
    """The program cannot be run here."""


class Observer:
    """Everything that is seen besides the outcome."""

    def __init__(self):
        self.complaints, self.left, self.stall = [], 0, 0.0
        self._stop = threading.Event()

    async def watch(self, coroutine):
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(
            lambda _, context: self.complaints.append(context["message"])
        )
        # A thread asks the loop to turn: a task in it would be one that the program sees.
        thread = threading.Thread(target=self._measure, args=(loop,), daemon=True)
        thread.start()
        try:
            return await coroutine
        finally:
            self.left = len(asyncio.all_tasks()) - 1
            self._stop.set()

    def _measure(self, loop):
        while not self._stop.wait(0.005):
            turned, asked = threading.Event(), time.perf_counter()
            try:
                loop.call_soon_threadsafe(turned.set)
            except RuntimeError:
                return  # closed
            while not turned.wait(0.05) and not self._stop.is_set():
                pass
            self.stall = max(self.stall, time.perf_counter() - asked)


def observe(path):
    logging.disable(logging.CRITICAL)
    source = path.read_bytes()
    module = types.ModuleType("program")
    # Where dataclasses, pickle and typing look a class's module up.
    sys.modules["program"] = module
    module.__file__ = str(path)
    observer, printed = Observer(), io.StringIO()
    with serving() as server, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with contextlib.redirect_stdout(printed):
            outcome, value = run(source, module, server.base, observer)
        effects = repr(getattr(module, "effects", None))
        vars(module).clear()
        gc.collect()
        requests = list(server.log)
    seen = {
        "outcome": outcome,
        "value": value,
        "effects": effects,
        "stdout": printed.getvalue(),
        "requests": requests,
        "warnings": sorted(
            str(w.message) for w in caught if "never awaited" in str(w.message)
        ),
        "complaints": sorted(observer.complaints),
        "left": observer.left,
    }
    # The port is another one in each run.
    text = (
        json.dumps(seen).replace(server.base, "BASE").replace(server.base[7:], "HOST")
    )
    return dict(json.loads(text), stall_ms=round(observer.stall * 1000))


def run(source, module, base, observer):
    try:
        tree = ast.parse(source)
        vars(module)["__name__"] = "__main__" if is_script(tree) else "program"
        exec(compile(source, module.__file__, "exec", dont_inherit=True), vars(module))
        if is_script(tree):
            return "returned", "None"
        return "returned", repr(asyncio.run(observer.watch(start(module, base))))
    except (ModuleNotFoundError, Skipped) as why:
        return "skipped", str(why)
    except BaseException as error:
        return "raised", "%s: %s" % (type(error).__qualname__, error)


def is_script(tree):
    """Does a statement of the module itself, outside of functions and conditions, run the loop?

    Or is there a main block and no `async def main` that could be run instead of it?
    """
    has_main = any(isinstance(s, ast.AsyncFunctionDef) and s.name == "main" for s in tree.body)
    blocks = [s for s in tree.body if isinstance(s, ast.If) and "__main__" in ast.unparse(s.test)]
    if blocks and not has_main:
        return True
    plain = [s for s in tree.body if isinstance(s, (ast.Expr, ast.Assign))]
    calls = [n for s in plain for n in ast.walk(s) if isinstance(n, ast.Call)]
    return any(ast.unparse(call.func) in SCRIPT_CALLS for call in calls)


def start(module, base):
    main = getattr(module, "main", None)
    if not inspect.iscoroutinefunction(main):
        raise Skipped("it has no async def main")
    needed = [
        p
        for p in inspect.signature(main).parameters.values()
        if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    if not needed:
        return main()
    if [p.name for p in needed] == ["base"]:
        return main(base)
    raise Skipped("its main needs arguments")


if __name__ == "__main__":
    print(json.dumps(observe(Path(sys.argv[1]))))
