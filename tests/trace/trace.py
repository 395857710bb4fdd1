"""Rewrites random async programs with asyncup and compares them before and after.

    python tests/trace/trace.py --tool PATH/TO/asyncup [--count N] [--start SEED] ...

Writes N programs (see programs.py and stepped.py), lets the tool rewrite a copy of them in one run, and
compares every changed program with its original under many schedules (see compare.py).
The interpreter that runs this file runs the programs.

Exit status: 0 no difference; 1 a difference, each printed with its seed; 2 the run says
nothing: the tool failed, or rewrote so few programs that "no difference" would be empty.
"""

import argparse
import concurrent.futures
import difflib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from compare import differences  # noqa: E402
from kinds import KINDS, LIMIT, program  # noqa: E402

CONFIGURATION = """\
# Declared knowledge counts as proof: what the tool may take for granted of the resources.
{shareable}
[[receivers]]
name = "conn"
shareable = false
reads = ["get"]
writes = ["put"]

[codemods.gather_sequential_awaits]
emission = "{emission}"

[codemods.gather_awaits_in_loop]
limit = {limit}
emission = "{loop_emission}"

[codemods.bound_gather_with_semaphore]
limit = {limit}
"""

SHAREABLE = """
[[receivers]]
name = "{name}"
shareable = true
reads = ["get"]
writes = ["put"]
"""


class Meaningless(Exception):
    """The run cannot be judged."""


def main():
    options = arguments()
    kind = KINDS[options.kind]
    if sys.version_info < kind.least_python:
        least = ".".join(map(str, kind.least_python))
        raise Meaningless("--kind %s needs Python %s or later" % (options.kind, least))
    folder = Path(tempfile.mkdtemp(prefix="asyncup-trace-"))
    try:
        before, after = folder / "before", folder / "after"
        write_programs(options, before)
        shutil.copytree(before, after)
        config = folder / "asyncup.toml"
        config.write_text(configuration(options))
        run_tool(options, kind, config, after)
        found, hunks = judge(options, before, after)
        found += run_again(options, kind, config, after)
        keep(options, before, after, found)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(
        "%d programs, %d rewritten, %d rewrites, %d differences (%s, %s, %s, Python %s)"
        % (
            options.count,
            len(hunks),
            sum(hunks.values()),
            len(found),
            options.kind,
            options.level,
            options.emission,
            ".".join(map(str, sys.version_info[:2])),
        )
    )
    for seed, what in found[:20]:
        print("seed %d: %s" % (seed, what))
    if found:
        return 1
    # Little is known to make a coroutine, which is all that a task group takes.
    share = 0.02 if options.emission == "task_group" else kind.share[options.level]
    least = share * options.count
    if len(hunks) < least:
        raise Meaningless(
            "at least %d programs should have been rewritten" % (least + 0.99)
        )
    return 0


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--tool", required=True, help="the asyncup binary")
    add(
        "--count",
        type=int,
        default=300,
        help="how many programs (default: %(default)s)",
    )
    add("--start", type=int, default=0, help="the first seed (default: %(default)s)")
    add("--level", choices=["safe", "unsafe"], default="safe")
    add("--emission", choices=["gather", "in_order", "task_group"], default="gather")
    add("--kind", choices=sorted(KINDS), default="gather")
    version = "py%d%d" % sys.version_info[:2]
    add(
        "--target-version",
        default=version,
        help="(default: %(default)s, this interpreter)",
    )
    add("--keep", type=Path, help="a folder for differing programs, before and after")
    add("--jobs", type=int, default=2, help="processes (default: %(default)s)")
    options = parser.parse_args()
    options.tool = os.path.abspath(shutil.which(options.tool) or options.tool)
    return options


def configuration(options):
    shareable = "".join(SHAREABLE.format(name=n) for n in ("api", "cache", "db"))
    # Loops know no emission in order.
    of_loops = "task_group" if options.emission == "task_group" else "gather"
    return CONFIGURATION.format(
        shareable=shareable,
        emission=options.emission,
        loop_emission=of_loops,
        limit=LIMIT,
    )


def write_programs(options, folder):
    folder.mkdir()
    for seed in range(options.start, options.start + options.count):
        path = folder / ("seed_%06d.py" % seed)
        path.write_bytes(program(seed, options.kind).encode())


def run_tool(options, kind, config, folder):
    command = [options.tool, "apply", "--no-cache", "--select", ",".join(kind.codemods)]
    command += ["--target-version", options.target_version, "--config", str(config)]
    command += ["--unsafe-fixes"] if options.level == "unsafe" else []
    try:
        done = subprocess.run(
            command + [str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=str(folder),
        )
    except OSError as error:
        raise Meaningless("cannot run %s: %s" % (options.tool, error)) from error
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace").strip()
        raise Meaningless(
            "the tool exited with %d:\n%s" % (done.returncode, text[-2000:])
        )


def run_again(options, kind, config, folder):
    """A second run must change nothing."""
    once = {path: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    run_tool(options, kind, config, folder)
    found = []
    for path, text in once.items():
        if path.read_bytes() != text:
            found.append((seed_of(path), "a second run of the tool changes it again"))
            path.write_bytes(text)
    return found


def judge(options, before, after):
    """-> differences as (seed, text), and rewrites per changed seed, counted by hunks."""
    changed = []
    for path in sorted(before.glob("*.py")):
        old, new = (
            path.read_text(encoding="utf-8"),
            (after / path.name).read_text(encoding="utf-8"),
        )
        if old != new:
            changed.append((options, seed_of(path), old, new))
    hunks = {seed: rewrites(old, new) for _, seed, old, new in changed}
    if options.jobs > 1:
        with concurrent.futures.ProcessPoolExecutor(options.jobs) as pool:
            verdicts = list(pool.map(verdict, changed, chunksize=8))
    else:
        verdicts = [verdict(one) for one in changed]
    return [(seed, what) for seed, what in verdicts if what], hunks


def seed_of(path):
    return int(path.stem.split("_")[1])


def rewrites(old, new):
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return sum(line.startswith("@@") for line in lines)


def verdict(job):
    options, seed, old, new = job
    try:
        found = differences(old, new, KINDS[options.kind].promise(options, new))
    except SyntaxError as error:
        return seed, "the rewritten program does not parse: %s" % error
    if not found:
        return seed, None
    one = found[0]
    return seed, "%s under %s\n    before  %s\n    after   %s" % (
        one.what,
        shown(one.schedule),
        short(one.before),
        short(one.after),
    )


def shown(schedule):
    text = "%s delays" % schedule.delays
    text += ", seed %d" % schedule.seed if schedule.delays == "random" else ""
    text += "".join(", %s.%s%s fails" % fault for fault in sorted(schedule.faults))
    text += "".join(", cancelled at %g" % instant for instant in schedule.cancels)
    return text


def short(value):
    text = repr(value)
    return text if len(text) < 400 else text[:390] + " ..."


def keep(options, before, after, found):
    """Saves the programs that differ, before and after, side by side."""
    if not found or not options.keep:
        return
    options.keep.mkdir(parents=True, exist_ok=True)
    for seed, _ in found:
        name = "seed_%06d" % seed
        shutil.copy(
            str(before / (name + ".py")), str(options.keep / (name + "_before.py"))
        )
        shutil.copy(
            str(after / (name + ".py")), str(options.keep / (name + "_after.py"))
        )


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Meaningless as error:
        print("trace: %s" % error, file=sys.stderr)
        sys.exit(2)
