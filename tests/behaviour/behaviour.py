"""Rewrites programs with asyncup and runs them before and after, under CPython.

    python tests/behaviour/behaviour.py --tool PATH/TO/asyncup --python PYTHON
    ... --pages codemods       also the cases of the codemods' pages
    ... --only SUBSTRING       only programs and pages whose name contains it
    ... --stalls               also print how long the loop stood still, before and after
    ... --with sqlalchemy-1.4  only the programs that say they also run with that; PYTHON then has
                               what `sqlalchemy-1.4.txt` beside this file lists
    python tests/behaviour/behaviour.py --python PYTHON --originals
                               no tool: checks that each program runs, and twice the same

PYTHON is what `environment.py` prints. A program is a file in `programs/` that begins with
directives, one comment line each:

    # codemods: a, b          the codemods it is about, which alone are selected
    # level: safe             the lowest level at which it must be rewritten: `safe`, `unsafe`
                              (and then not by a safe fix), `any` (with unsafe fixes at the latest),
                              `optional` (rewritten or not, it must run the same), or
                              `none`: nothing may change, even with unsafe fixes
    # target: py312           the target version (default: py311); the program is not run
                              on an older interpreter
    # expect: same            what the rewritten program does (default); `differs`: it is known to
                              behave differently, so it must never be a safe fix
    # gives: VALUE            what `main` of a rewritten program that `differs` must give
    # text: crlf              line endings or encoding that the file is given: `crlf`, `bom`
    # unblocks: 200           the original stops the loop for so many milliseconds, and the
                              rewritten program for less than half of it
    # requests: unordered     requests may reach the server in another order
    # config: key = value     a line of the configuration file; may be repeated
    # also-with: A B          other versions of a library that it also runs with, see `--with`

A line `# file: NAME` begins another file of the same project, below which `program.py`, the first
one, is run; the tool is then given all of them.

Every program is also rewritten by all codemods at once with safe fixes only; whatever they
do, it must behave as before. Each rewritten text must stay as it is in a second run, and keep its line
endings. Exit status: 0 everything as expected, 1 not, 2 bad usage.
"""

import argparse
import concurrent.futures
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LEVELS = ("safe", "unsafe", "any", "optional", "none")
COMPARED = (
    "outcome",
    "value",
    "effects",
    "stdout",
    "requests",
    "warnings",
    "complaints",
    "left",
)
# Python versions that a target may be newer than; the tool gets the target as it is written.
TARGET = re.compile(r"py3(\d+)")
# The blocks of a page, see src/page.rs.
FENCE = re.compile(
    r"^```(python|toml) (before|after|unchanged|config)\b(.*?)\n(.*?)^```$", re.M | re.S
)


class Wrong(Exception):
    """What is not as expected; the text is printed."""


class Skipped(Exception):
    """It cannot be run here; the text says why."""


def main():
    options = arguments()
    version = minor_version(options.python)
    jobs = [Program(path, options) for path in sorted((HERE / "programs").glob("*.py"))]
    if options.pages:
        jobs += [
            case
            for page in sorted(options.pages.glob("*.md"))
            for case in cases(page, options)
        ]
    jobs = [job for job in jobs if options.only in job.name]
    if options.versions:
        jobs = [job for job in jobs if options.versions in job.also_with]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        verdicts = list(pool.map(lambda job: verdict(job, version), jobs))
    passed = failed = 0
    skipped = []
    for job, (kind, text) in zip(jobs, verdicts):
        passed += kind == "passed"
        failed += kind == "failed"
        if kind == "failed":
            print("FAILED %s\n%s" % (job.name, indented(text)))
        elif kind == "skipped":
            skipped.append("%s: %s" % (job.name, text))
            if options.verbose:
                print("skipped %s" % skipped[-1])
    if options.stalls:
        print_stalls([job for job in jobs if getattr(job, "stalls", None)])
    more = ", %d not run" % len(skipped) if skipped else ""
    print("%d passed, %d failed%s (Python 3.%d)" % (passed, failed, more, version))
    if not jobs:
        print("no program matches", file=sys.stderr)
        return 2
    return 1 if failed else 0


def print_stalls(jobs):
    """The longest time the loop stood still, of the programs that say that a rewrite shortens it."""
    width = max([len(job.name) for job in jobs], default=0)
    for job in sorted(jobs, key=lambda job: job.name):
        print("%-*s %5d ms -> %3d ms" % (width, job.name, *job.stalls))


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tool", help="the asyncup binary")
    add(
        "--python", required=True, help="an interpreter with requirements.txt installed"
    )
    add("--only", default="", metavar="SUBSTRING")
    add("--pages", type=Path, metavar="DIR", help="the folder of the codemods' pages")
    add("--originals", action="store_true", help="check the programs, without the tool")
    add("--stalls", action="store_true", help="print the stalls before and after")
    add(
        "--with",
        dest="versions",
        metavar="NAME",
        help="only programs that also run with NAME.txt",
    )
    add("--jobs", type=int, default=2)
    add(
        "-v",
        "--verbose",
        action="store_true",
        help="also say what was not run, and why",
    )
    options = parser.parse_args()
    if not options.originals and not options.tool:
        parser.error("--tool is needed, unless with --originals")
    # Both run in other folders. A virtual environment's python is a link that must stay one.
    options.python = os.path.abspath(shutil.which(options.python) or options.python)
    if options.tool:
        options.tool = os.path.abspath(shutil.which(options.tool) or options.tool)
    return options


def minor_version(python):
    code = "import sys; print(sys.version_info[1])"
    return int(
        subprocess.run([python, "-c", code], stdout=subprocess.PIPE, check=True).stdout
    )


def verdict(job, version):
    try:
        job.check(version)
        return "passed", ""
    except Wrong as error:
        return "failed", str(error)
    except Skipped as why:
        return "skipped", str(why)
    except Exception as error:
        return "failed", "%s: %s" % (type(error).__name__, error)


def indented(text):
    return "".join("    %s\n" % line for line in text.rstrip("\n").split("\n"))


# --------------------------------------------------------------------------------------
# Programs


class Program:
    KEYS = {
        "codemods",
        "level",
        "target",
        "expect",
        "text",
        "unblocks",
        "requests",
        "config",
        "also-with",
        "gives",
    }

    def __init__(self, path, options):
        self.name, self.options = path.stem, options
        self.text = path.read_bytes()
        self.said = {"target": "py311", "expect": "same"}
        self.config = []
        for line in self.text.decode().split("\n"):
            match = re.match(r"# ([\w-]+): (.*)", line)
            if not match:
                break
            key, value = match.groups()
            if key not in self.KEYS:
                raise SystemExit("%s: no such directive: %s" % (path, key))
            if key == "config":
                self.config.append(value)
            self.said[key] = value
        if self.said.get("level") not in LEVELS or not self.said.get("codemods"):
            raise SystemExit("%s: it needs `# codemods:` and `# level:`" % path)
        self.also_with = self.said.get("also-with", "").split()
        if self.said.get("text") == "crlf":
            self.text = self.text.replace(b"\n", b"\r\n")
        elif self.said.get("text") == "bom":
            self.text = b"\xef\xbb\xbf" + self.text

    def check(self, version):
        if self.options.originals:
            return self.check_original(version)
        level, expect = self.said["level"], self.said["expect"]
        select = self.said["codemods"].replace(" ", "")
        safe = self.rewrite("--select", select)
        unsafe = self.rewrite("--select", select, "--unsafe-fixes")
        everything = self.rewrite()
        for name, text, changed in (
            (
                "safe",
                safe,
                {"safe": True, "any": None, "optional": None}.get(level, False),
            ),
            ("unsafe", unsafe, {"none": False, "optional": None}.get(level, True)),
        ):
            if changed is True and text == self.text:
                raise Wrong("nothing is rewritten at level %s" % name)
            if changed is False and text != self.text:
                raise Wrong("rewritten at level %s:\n%s" % (name, self.diff(text)))
        self.check_run("safe fixes", safe, version)
        self.check_run("all codemods, safe fixes", everything, version)
        if expect == "same":
            self.check_run("unsafe fixes", unsafe, version)
        elif "gives" in self.said and not self.too_new(version):
            given = self.observe(unsafe)["value"]
            if given != self.said["gives"]:
                raise Wrong("it gives %s:\n%s" % (given, self.diff(unsafe)))

    def check_original(self, version):
        if self.too_new(version):
            raise Skipped("it is for Python 3.%d" % self.minor())
        once, again = observe(self.options, self.text), observe(self.options, self.text)
        if once["outcome"] != "returned" or once["warnings"] or once["complaints"]:
            raise Wrong(json.dumps(once, indent=1))
        self.compare(once, again)
        least = int(self.said.get("unblocks", 0))
        if once["stall_ms"] < least:
            raise Wrong("it stops the loop for %d ms only" % once["stall_ms"])

    def minor(self):
        return int(TARGET.fullmatch(self.said["target"]).group(1))

    def too_new(self, version):
        return self.minor() > version

    def rewrite(self, *arguments):
        """The text after `asyncup apply`; a second run must leave it alone."""
        folder = Path(tempfile.mkdtemp(prefix="asyncup-behaviour-"))
        try:
            unpack(self.text, folder)
            # What the program's project depends on: version gates read it.
            depends = (self.options.versions or "requirements") + ".txt"
            shutil.copy(HERE / depends, folder / "requirements.txt")
            command = [self.options.tool, "apply", "--no-cache", *arguments]
            command += ["--target-version", self.said["target"]]
            if self.config:
                (folder / "asyncup.toml").write_text("\n".join(self.config) + "\n")
                command += ["--config", str(folder / "asyncup.toml")]
            else:
                command += ["--isolated"]
            apply(command, folder)
            once = packed(self.text, folder)
            if once != self.text:
                self.check_text(once)
                apply(command, folder)
                again = packed(self.text, folder)
                if again != once:
                    raise Wrong("a second run changes it again:\n" + diff(once, again))
            return once
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def check_text(self, text):
        crlf = text.count(b"\r\n")
        wanted = text.count(b"\n") if self.said.get("text") == "crlf" else 0
        if crlf != wanted:
            raise Wrong("line endings are mixed:\n" + repr(text))
        if text.startswith(b"\xef\xbb\xbf") != self.text.startswith(b"\xef\xbb\xbf"):
            raise Wrong("the byte order mark has changed")

    def check_run(self, what, text, version):
        if text == self.text or self.too_new(version):
            return
        try:
            self.compare_runs(self.observe(self.text), self.observe(text))
        except Wrong:
            try:
                again(
                    lambda: self.compare_runs(
                        observe(self.options, self.text), observe(self.options, text)
                    )
                )
            except Wrong as error:
                raise Wrong("%s: %s\n%s" % (what, error, self.diff(text))) from None

    def compare_runs(self, before, after):
        self.compare(before, after)
        self.compare_stall(before, after)

    def observe(self, text):
        """Runs a text once, however often it is asked for."""
        self._runs = getattr(self, "_runs", {})
        if text not in self._runs:
            self._runs[text] = observe(self.options, text)
        return self._runs[text]

    def compare(self, before, after):
        compare(before, after, self.said.get("requests") == "unordered")

    def compare_stall(self, before, after):
        least = int(self.said.get("unblocks", 0))
        if not least:
            return
        self.stalls = before["stall_ms"], after["stall_ms"]
        if not before["stall_ms"] >= least > 2 * after["stall_ms"]:
            raise Wrong(
                "the loop stood still for %d ms, and now for %d ms" % self.stalls
            )

    def diff(self, text):
        return diff(self.text, text)


# The line that begins another file of a program.
FILE = re.compile(rb"^# file: (\S+)\n", re.M)


def parts(text):
    """The files of a program, the first of which is run: names and texts."""
    pieces = FILE.split(text)
    names = ["program.py", *(name.decode() for name in pieces[1::2])]
    return list(zip(names, pieces[0::2]))


def unpack(text, folder):
    for name, part in parts(text):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part)


def packed(text, folder):
    """The text of a program as its files in a folder are now."""
    names = [name for name, _ in parts(text)]
    first, *rest = ((name, (folder / name).read_bytes()) for name in names)
    return first[1] + b"".join(
        b"# file: %s\n%s" % (name.encode(), part) for name, part in rest
    )


def apply(command, folder):
    done = subprocess.run(
        [*command, "."],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=folder,
        timeout=120,
    )
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace").strip()
        raise Wrong(
            "%s\nended with %d: %s" % (" ".join(command), done.returncode, text[-1500:])
        )


def observe(options, text, limit=60):
    """The observation of run_program.py; `limit` in seconds."""
    folder = Path(tempfile.mkdtemp(prefix="asyncup-behaviour-"))
    try:
        unpack(text, folder)
        path = folder / "program.py"
        environment = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONHASHSEED="0")
        environment["PYTHONPATH"] = str(folder)
        # The machine's own proxies and certificates are not what is compared.
        for name in list(environment):
            if name.lower().endswith("_proxy") or name in (
                "REQUESTS_CA_BUNDLE",
                "NETRC",
            ):
                del environment[name]
        done = subprocess.run(
            [options.python, str(HERE / "run_program.py"), str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env=environment,
            timeout=limit,
        )
    except subprocess.TimeoutExpired:
        raise Wrong("it does not end") from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    lines = done.stdout.decode().strip().split("\n")
    if done.returncode != 0 or not lines[-1].startswith("{"):
        raise Wrong("it cannot be run: " + done.stderr.decode(errors="replace")[-1500:])
    return json.loads(lines[-1])


def again(compared):
    """Runs and compares anew. A program that depends on time may differ on a busy machine;
    one that is wrong differs each time."""
    for _ in range(2):
        try:
            return compared()
        except Wrong as error:
            last = error
    raise last


def compare(before, after, unordered=False):
    for field in COMPARED:
        was, now = before[field], after[field]
        if field == "requests" and unordered:
            was, now = sorted(was), sorted(now)
        if was != now:
            raise Wrong("%s was\n    %s\nand is\n    %s" % (field, was, now))


def diff(before, after):
    lines = [text.decode("utf-8-sig").splitlines() for text in (before, after)]
    return "\n".join(difflib.unified_diff(*lines, "before", "after", lineterm=""))


# --------------------------------------------------------------------------------------
# Cases of pages


# Codemods that repair: what their pages show may raise, hang or do nothing before, and is
# asked to come to an end after.
REPAIRS = {
    "await_forgotten_coroutine",
    "await_session_call",
    "mark_queue_task_done",
    "replace_contextmanager_on_async_generator",
    "replace_create_engine",
    "replace_httpx_app_argument",
    "replace_queue_queue",
    "replace_threading_primitive",
    "use_async_for",
    "use_async_with",
}


class Case:
    """A `before` and its `after`, as they stand on a codemod's page.

    That the tool turns one into the other is tested elsewhere; here, that both do the same.
    """

    def __init__(self, name, options, before, after, words):
        self.name, self.options = name, options
        self.before, self.after, self.words = before, after, words

    def check(self, version):
        if self.options.originals:
            raise Skipped("a case of a page")
        target = TARGET.search(self.words)
        if target and int(target.group(1)) > version:
            raise Skipped("it is for Python 3.%s" % target.group(1))
        is_repair = self.name.split()[0] in REPAIRS
        try:
            # A repair's original may well hang, and nothing is compared with it then.
            limit = 15 if is_repair else 60
            before = observe(self.options, self.before.encode(), limit)
        except Wrong:
            if not is_repair:
                raise
            observe(self.options, self.after.encode())
            raise Skipped("a repair: before, it does not end") from None
        if before["outcome"] == "skipped":
            raise Skipped(before["value"])
        after = observe(self.options, self.after.encode())
        try:
            compare(before, after)
        except Wrong:
            if is_repair:
                raise Skipped("a repair: before, it fails or does nothing") from None
        else:
            return
        before, after = self.before.encode(), self.after.encode()
        try:
            again(
                lambda: compare(
                    observe(self.options, before), observe(self.options, after)
                )
            )
        except Wrong as error:
            raise Wrong(
                "%s\n%s" % (error, diff(before, after))
            ) from None


def cases(page, options):
    """The cases of a page that can be run: those with an `async def main`, or that call it."""
    text = page.read_text(encoding="utf-8").replace("\r\n", "\n")
    before = None
    for match in FENCE.finditer(text):
        _, kind, words, body = match.groups()
        if kind == "before":
            before = body, words, text.count("\n", 0, match.start()) + 1
        elif kind == "after" and before:
            source, words, line = before
            if re.search(
                r"^async def main\(|^asyncio\.run\(|^\w+\(.*asyncio\.run\(",
                source,
                re.M,
            ):
                name = "%s line %d" % (page.stem, line)
                yield Case(name, options, source, body, words)
            before = None


if __name__ == "__main__":
    sys.exit(main())
