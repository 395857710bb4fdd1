"""Finds a Python 3.11 or later and makes the virtual environment that the programs run in.

    python3 tests/behaviour/environment.py             prints the environment's python
    python3 tests/behaviour/environment.py --others    prints further interpreters, one a line
    ... --requirements FILE --least 3.12               an environment of other packages

The interpreter is $ASYNCUP_TEST_PYTHON, or the first of python3.13, python3.12, python3.11
and python3 that is on PATH or among pyenv's versions. The environment lies under `target/`,
named after the interpreter's version and the content of requirements.txt, so that it is made
once and made anew when either changes. Without an interpreter, or when the packages
cannot be installed, the message says what to do, and the exit status is 1.
"""

import argparse
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent.parent / "target"
REQUIREMENTS = HERE / "requirements.txt"
LEAST = (3, 11)
NAMES = ["python3.13", "python3.12", "python3.11", "python3"]
# Written last: an environment without it was interrupted while it was made.
COMPLETE = "asyncup-complete"

NO_PYTHON = """\
The behaviour tests run Python programs, and no Python %d.%d or later was found.
Looked at: %s.
Install one (for example `pyenv install 3.13`), or name one: ASYNCUP_TEST_PYTHON=/path/to/python3"""


class Unavailable(Exception):
    """No usable interpreter or environment; the message is for the user."""


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--others", action="store_true", help="list the further interpreters instead"
    )
    parser.add_argument("--requirements", type=Path, default=REQUIREMENTS)
    parser.add_argument("--least", default=LEAST, type=minor_version)
    options = parser.parse_args()
    found = interpreters(options.least)
    if options.others:
        for path in list(found.values())[1:]:
            print(path)
    else:
        print(environment(*next(iter(found.items())), options.requirements))


def minor_version(text):
    major, minor = text.split(".")
    return int(major), int(minor)


def interpreters(least=LEAST):
    """{(major, minor, micro): path}, the preferred one first, one for each minor version."""
    candidates = wished(least) + [path for name in NAMES for path in places(name)]
    found, tried = {}, []
    for path in candidates:
        if path in tried:
            continue
        tried.append(path)
        version = version_of(path)
        if version and version >= least and version[:2] not in [v[:2] for v in found]:
            found[version] = path
    if not found:
        raise Unavailable(NO_PYTHON % (*least, ", ".join(tried) or "PATH and ~/.pyenv"))
    return found


def wished(least):
    path = os.environ.get("ASYNCUP_TEST_PYTHON")
    if not path:
        return []
    resolved = shutil.which(path)
    version = resolved and version_of(resolved)
    if not version or version < least:
        what = "Python %d.%d.%d" % version if version else "no Python"
        raise Unavailable(
            "ASYNCUP_TEST_PYTHON=%s is %s; it must be %d.%d or later."
            % (path, what, *least)
        )
    return [resolved]


def places(name):
    """Where an interpreter of that name may be: on PATH, then among pyenv's versions."""
    on_path = shutil.which(name)
    if on_path:
        yield on_path
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    if root.is_dir():
        newest_first = sorted(root.iterdir(), key=numbers, reverse=True)
        for folder in newest_first:
            path = folder / "bin" / name
            if path.exists():
                yield str(path)


def numbers(folder):
    return [int(part) for part in folder.name.split(".") if part.isdigit()]


def version_of(path):
    """The version of an interpreter that can make environments, else None."""
    # A shim of a version manager exists even when there is nothing behind it, and some
    # systems split `venv` off: only running it tells.
    code = "import ensurepip, venv, sys; print(*sys.version_info[:3])"
    try:
        done = subprocess.run(
            [path, "-c", code],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
        return tuple(map(int, done.stdout.split())) if done.returncode == 0 else None
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def environment(version, base, requirements):
    """The python of a complete environment; makes it unless it is there."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    name = "behaviour-venv-%s-%s" % (".".join(map(str, version)), digest)
    folder = TARGET / name
    folder.parent.mkdir(parents=True, exist_ok=True)
    with lock(TARGET / (name + ".lock")):
        if not (folder / COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            make(base, folder, requirements)
            (folder / COMPLETE).write_text("made from requirements.txt %s\n" % digest)
    return python_in(folder)


def make(base, folder, requirements):
    run([base, "-m", "venv", str(folder)], "make a virtual environment")
    pip = [
        str(python_in(folder)),
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--quiet",
    ]
    # Our own list names every package; that of an example names what it uses.
    alone = ["--no-deps"] if requirements == REQUIREMENTS else []
    run(
        [*pip, "install", *alone, "-r", str(requirements)],
        "install the test packages",
    )


def python_in(folder):
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def run(command, what):
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode != 0:
        text = done.stdout.decode(errors="replace").strip()[-2000:]
        raise Unavailable("Cannot %s: %s\n%s" % (what, " ".join(command), text))


@contextlib.contextmanager
def lock(path):
    """Two test runs at once: the second waits until the first has made the environment."""
    with open(path, "w") as file:
        try:
            import fcntl
        except ImportError:
            import msvcrt

            while True:
                try:
                    msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
                    break
                except OSError:
                    time.sleep(0.2)
        else:
            fcntl.flock(file, fcntl.LOCK_EX)
        # Closing the file, or the end of the process however it comes, gives it back.
        yield


if __name__ == "__main__":
    try:
        main()
    except Unavailable as error:
        print(error, file=sys.stderr)
        sys.exit(1)
