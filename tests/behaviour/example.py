"""Runs the tests of an example project before and after all its rewrites.

    python tests/behaviour/example.py --tool PATH/TO/asyncup --python PYTHON examples/storefront

PYTHON has the example's requirements (see `environment.py --requirements`). Every test that
passes before must pass after, and a second run of the tool must change nothing. Exit status: 0 so it is,
1 not, 2 bad usage.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tool", required=True, type=Path)
    parser.add_argument("--python", required=True)
    parser.add_argument("example", type=Path)
    options = parser.parse_args()
    tool = options.tool.resolve()
    with tempfile.TemporaryDirectory(prefix="asyncup-example-") as folder:
        copy = Path(folder) / options.example.name
        shutil.copytree(
            options.example, copy, ignore=shutil.ignore_patterns("__pycache__", ".*")
        )
        before = passed(options.python, copy)
        summary = apply(tool, copy, Path(folder) / "state")
        rewritten = re.search(r"(\d+) rewrites", summary)
        again = apply(tool, copy, Path(folder) / "state")
        after = passed(options.python, copy)
    print("%d tests before, %d after; %s" % (len(before), len(after), summary))
    lost = sorted(before - after)
    for name in lost:
        print("no longer passes: " + name)
    if not rewritten:
        print("nothing was rewritten")
    if "no rewrites" not in again:
        print("a second run rewrites again: " + again)
    sys.exit(bool(lost) or not before or not rewritten or "no rewrites" not in again)


def passed(python, project):
    """The names of the tests that pass."""
    done = subprocess.run(
        [python, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
    )
    names = set(re.findall(r"^(?:PASSED|XPASS) (\S+)", done.stdout, re.M))
    if done.returncode not in (0, 1) or not names:
        sys.exit("pytest failed in %s:\n%s%s" % (project, done.stdout, done.stderr))
    return names


def apply(tool, project, state):
    """Applies everything; the summary line."""
    done = subprocess.run(
        [tool, "apply", "--unsafe-fixes", "."],
        cwd=project,
        capture_output=True,
        text=True,
        env={"ASYNCUP_STATE_DIR": str(state), "PATH": ""},
    )
    if done.returncode != 0:
        sys.exit("asyncup ended with %d:\n%s" % (done.returncode, done.stderr))
    return done.stderr.strip().splitlines()[-1]


main()
