"""Checks that every name of `knowledge/blocking.tsv` that can be looked up here is there.

    PYTHON tests/behaviour/blocking_table.py

Looked up are the names of the standard library and of the packages that are installed for PYTHON.
A method of a factory function (`threading.RLock().acquire`) has no place to be looked up at:
of it, the factory must be there. Exit status: 0 all are, 1 not.
"""

import builtins
import importlib
import importlib.util
import sys
from pathlib import Path

# What an older interpreter does not have.
SINCE_3_12 = {"os.path.isjunction", "pathlib.Path.is_junction", "pathlib.Path.walk"}
# What instances have and their class has not, and what it is.
ATTRIBUTES = {"subprocess.Popen.stdout": "io.BufferedReader", "subprocess.Popen.stderr": "io.BufferedReader"}
TABLE = Path(__file__).resolve().parents[2] / "knowledge" / "blocking.tsv"


def main():
    found, missing, packages = 0, [], set()
    for line in TABLE.read_text().splitlines():
        name = line.split("\t")[0]
        owner, _, method = name.rpartition(".")
        name = f"{ATTRIBUTES.get(owner, owner)}.{method}" if owner else name
        package = name.split(".")[0]
        if line.startswith("#") or name in SINCE_3_12 and sys.version_info < (3, 12):
            continue
        if hasattr(builtins, name):
            found += 1
        elif importlib.util.find_spec(package) is None:
            packages.add(package)
        elif is_there(name.removesuffix(".*")):
            found += 1
        else:
            missing.append(name)
    print(f"{found} names are there; not installed: {', '.join(sorted(packages))}")
    for name in missing:
        print(f"missing: {name}")
    return 1 if missing or not found else 0


def is_there(name):
    """Whether a dotted name leads to something, through modules that must be imported first."""
    parts = name.split(".")
    value = importlib.import_module(parts[0])
    for index, part in enumerate(parts[1:], start=1):
        if not isinstance(value, type) and not is_module(value) and callable(value):
            return True
        if not hasattr(value, part):
            try:
                value = importlib.import_module(".".join(parts[: index + 1]))
                continue
            except ImportError:
                return False
        value = getattr(value, part)
    return True


def is_module(value):
    return isinstance(value, type(sys))


if __name__ == "__main__":
    sys.exit(main())
