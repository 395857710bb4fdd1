#!/usr/bin/env python3
"""Colours real libraries from end to end, and runs their own tests before and after.

    cargo build --release
    python3 benches/colour_libraries.py                     # all of them; downloads the sources once, into target/colour
    python3 benches/colour_libraries.py --only pydiscourse  # or --tool PATH, --keep (the rewritten trees stay), -v (what failing tests print)

Needs Python 3.11+, pip's configured index for the first run, and no network after it. Each library is a client of a web API, synchronous, as its source distribution
on PyPI, pinned by version and SHA-256. `asyncup apply --select color_call_graph --unsafe-fixes` rewrites a copy of the library and its tests together, and a dependency on
pytest-asyncio is declared first, as whoever wanted the rewrite would. What is compared:

    functions    all `def` of the library without its tests, and how many of them became `async def`
    leaves       the calls that block, found by reading each library (LIBRARIES has their places): all, rewritten, stopped with a printed reason, and neither;
                 below the table each of them, with the reason, and why a person would leave it as it is, too, where that is so (colour_libraries.txt)
    tests        that passed before, and after; a test that passed must still pass. RuntimeWarnings are errors
    never        how often Python said that a coroutine was never awaited
    round trip   whether the rewritten trees without their colour are the ones from before (tests/behaviour/uncolour.py)

Exit status: 0 when no test was lost, nothing was left without await, every round trip was equal, every leaf is accounted for, and nothing was rewritten of which
colour_libraries.txt says that nobody would; 1 otherwise; 2 bad usage.
"""
import argparse, ast, collections, hashlib, json, os, re, shutil, subprocess, sys, tarfile, tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "behaviour"))
import environment, uncolour  # noqa: E402

TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
SOURCES = TARGET / "colour"
REQUIREMENTS = """\
beautifulsoup4==4.15.0
cachetools==8.0.1
dataclasses-json==0.6.7
Deprecated==1.2.18
freezegun==1.5.5
marshmallow==3.26.1
mock==5.2.0
msgpack==1.2.4
multi_key_dict==2.0.3
multiprocess==0.70.19
mypy_extensions==1.1.0
ndjson==0.3.1
packaging==26.3
pbr==7.1.3
platformdirs==4.14.7
prettytable==3.18.0
pyfakefs==6.3.2
pynose==1.5.5
pytest==9.2.0
pytest-asyncio==1.5.0
python-dateutil==4.0.0
python-slugify==9.2.0
pytz==2026.6
requests==2.34.2
requests-mock==1.12.1
requests-oauthlib==2.0.0
responses==0.26.3
setuptools==84.2.1
six==1.17.0
termcolor==3.3.0
testscenarios==0.7.0
testtools==2.9.1
typing-inspect==0.9.0
typing_extensions==4.15.0
wrapt==1.17.3
urllib3==2.8.0
aiohttp==3.14.5
"""
# Fixtures that the tests of pydiscourse ask for, and that are not in its source distribution.
DISCOURSE = '''\
import datetime

import pytest

from pydiscourse import client


@pytest.fixture
def discourse_host():
    return "http://discourse.test"


@pytest.fixture
def discourse_client(discourse_host):
    return client.DiscourseClient(discourse_host, "someone", "a-key")


@pytest.fixture
def discourse_request(discourse_host, discourse_client, requests_mock):
    def register(method, path, headers=None, json=None):
        headers = headers or {"Content-Type": "application/json; charset=utf-8"}
        return requests_mock.request(method, discourse_host + path, headers=headers, json={} if json is None else json)

    return register


@pytest.fixture
def _frozen_time(mocker=None):
    from freezegun import freeze_time

    with freeze_time("2023-08-13 12:30:15"):
        yield
'''
Library = collections.namedtuple("Library", "name version sha256 code path tests leaves extra", defaults=({},))
LIBRARIES = [
    # name, version, SHA-256 of the sdist, folder of the library, PYTHONPATH, what pytest runs, `FILE:LINE` of the calls that block, files to add
    Library(
        "pycoingecko", "3.2.0", "c48935d6e608efd9a798cbc4be30f1b43176cb680503dfef8f9352e038fc7605", "pycoingecko", ".", "tests",
        "api.py:44",
    ),
    Library(
        "pydiscourse", "1.7.0", "e090b9143750941aef5042bd8a9cdb93376abf6c18fe5ebbf15d7813acbdafb3", "src/pydiscourse", "src", "tests",
        "client.py:1668 client.py:1700", {"tests/conftest.py": DISCOURSE},
    ),
    Library(
        "pypistats", "1.14.0", "d0ca68a2497e37c7b7416289f262a3b94111e637f83b1cda1d4931c7ab4b426c", "src/pypistats", "src", "tests",
        "__init__.py:78",
    ),
    Library(
        "pyhibp", "4.2.0", "825c383e0ac43ac3438dad82e5ddb45773754fbb1b5c3b8ac56669483f2c67ed", "src/pyhibp", "src", "test",
        "__init__.py:155 __init__.py:179 __init__.py:203 __init__.py:229 __init__.py:248 pwnedpasswords.py:107",
    ),
    Library(
        "wikipedia", "1.4.0", "db0fad1829fdd441b1852306e9856398204dc0786d2996dd2e0c8bb8e26133b2", "wikipedia", ".:tests", "tests/page_test.py tests/search_test.py",
        "wikipedia.py:735 wikipedia.py:737",
    ),
    Library(
        "tmdbsimple", "2.9.8", "746904be2d5db535a74ca2ca0f3a4d3db2d7173b5b98161fa772c303a4dca0a0", "tmdbsimple", ".", "",
        "base.py:97 base.py:107",
    ),
    Library(
        "python-jenkins", "1.8.3", "8f4761c391ac11e8c1f23f771010920c10440497705ab7175d52358f5a12dc98", "jenkins", ".", "unittest tests",
        "__init__.py:563 __init__.py:1486 __init__.py:2365",
    ),
    Library(
        "sodapy", "2.2.0", "58af376d3bb0dc3a1edc7c8cf9938f5de8f558b35e240438dd83647ac3621981", "sodapy", ".", "tests",
        "socrata.py:551 utils.py:90",
    ),
    Library(
        "duo_client", "5.7.0", "8ae0feb93226b13e9b7b29f6970118a52386b9500d410c2b9775fd21a34dd293", "duo_client", ".", "tests",
        "client.py:458 client.py:465 client.py:466 client.py:467 https_wrapper.py:115",
    ),
    Library(
        "ipinfo", "5.6.0", "7e428eb8f7515d69b6938b285ceca9ff868534c5fd0fd12fe714046ad0408947", "ipinfo", ".", "tests",
        "handler.py:122 handler.py:180 handler.py:294 handler.py:347 handler.py:393 handler_core.py:124 handler_core.py:276"
        " handler_lite.py:115 handler_plus.py:122 handler_plus.py:267",
    ),
    Library(
        "luno-python", "0.3.0", "97849f7ac9b6f77eb434973b61c2c81379d371b3966cf5a673629cd521720abf", "luno_python", ".", "tests",
        "base_client.py:90",
    ),
    Library(
        "influxdb", "5.3.2", "58c647f6043712dd86e9aee12eb4ccfbbb5415467bc9910a48aa8c74c1108970", "influxdb", ".",
        "influxdb/tests --ignore=influxdb/tests/dataframe_client_test.py --ignore=influxdb/tests/influxdb08/dataframe_client_test.py",
        "client.py:343 client.py:365 client.py:1199 influxdb08/client.py:227 influxdb08/client.py:843",
    ),
    Library(
        "pynetbox", "7.8.0", "c359e9b9ed599d145a987c755dbe786da967caf236e3afe1e94a154cf5aeab5c", "pynetbox", ".", "tests --ignore=tests/integration",
        "core/query.py:288 core/query.py:293 core/query.py:318 core/query.py:338 core/query.py:401 core/query.py:409",
    ),
    Library(
        "ovh", "1.2.0", "d311f08ec17b62cc61216b3dacf03ee89f95a1da9036a595dac29fc9d798b827", "ovh", ".", "tests",
        "client.py:597 client.py:618",
    ),
    Library(
        "dune_client", "1.12.2", "35caad436ba91b3e88363f5aca78ac740e9df0abe569615c78fe509296dbdab0", "dune_client", ".", "tests/unit",
        "api/base.py:179 api/base.py:199 api/base.py:212 api/base.py:224 api/extensions.py:378 api/extensions.py:454",
    ),
    Library(
        "hcloud", "2.27.0", "7636d12431eed15de51ffac37bc3ee70d36a7e1b92b671ce384be108a70f669f", "hcloud", ".", "tests",
        "_client.py:388 _client.py:397 _client.py:403 actions/client.py:48",
    ),
    Library(
        "mwclient", "0.11.0", "2bb7696f3703243eb33514ab162d7f6076dcedd011be90682936046c5e34fd06", "mwclient", ".", "test",
        "client.py:497 image.py:89 image.py:93 sleep.py:88",
    ),
]
HEAD = ("library", "functions", "coloured", "leaves", "rewritten", "stopped", "neither", "tests", "lost", "never", "round trip")
# What the asynchronous form of a leaf is called, instead of the leaf.
ASYNC_FORMS = {"time.sleep": "asyncio.sleep", "sleep": "asyncio.sleep"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=Path, default=TARGET / "release" / "asyncup")
    parser.add_argument("--only", default="", help="only libraries whose name contains this")
    parser.add_argument("--config", action="append", default=[], help="handed to the tool; may be repeated")
    parser.add_argument("--safe", action="store_true", help="without --unsafe-fixes")
    parser.add_argument("--keep", type=Path, help="a folder for the trees before and after; else they are removed")
    parser.add_argument("-v", "--verbose", action="store_true", help="the output of tests that no longer pass")
    options = parser.parse_args()
    if not options.tool.exists():
        parser.error(f"there is no {options.tool}: build it, or name one with --tool")
    options.tool = options.tool.resolve()
    SOURCES.mkdir(parents=True, exist_ok=True)
    requirements = SOURCES / "requirements.txt"
    requirements.write_text(REQUIREMENTS)
    python = environment.environment(*next(iter(environment.interpreters().items())), requirements)
    fates = []
    rows = [judged(library, python, options, fates) for library in LIBRARIES if options.only in library.name]
    widths = [max(len(str(row[i])) for row in [HEAD, *rows]) for i in range(len(HEAD))]
    for row in [HEAD, *rows]:
        print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
    print()
    left = left_by_hand()
    for library, place, kind, why in fates:
        print(f"{library} {place} {kind}{': ' if why else ''}{why}")
        if (library, place) in left:
            print(f"    by hand as well: {left[library, place]}")
    leaves, rewritten, stopped = (sum(row[column] for row in rows) for column in (3, 4, 5))
    print(f"{rewritten} of {leaves} leaves rewritten, {stopped} stopped with a reason")
    wanted = [kind for library, place, kind, _ in fates if (library, place) not in left]
    converted = wanted.count("rewritten")
    print(f"{converted} of the {len(wanted)} that a person would convert: {converted / max(len(wanted), 1):.0%}")
    wrong = any((library, place) in left for library, place, kind, _ in fates if kind == "rewritten")
    sys.exit(wrong or any(row[6] or row[8] or row[9] or row[10] not in ("equal", "unchanged") for row in rows))


def left_by_hand():
    """Why a person would leave a call as it is, by its library and place."""
    known = {(library.name, place) for library in LIBRARIES for place in library.leaves.split()}
    left = {}
    for line in (Path(__file__).with_suffix(".txt")).read_text().splitlines():
        if line and not line.startswith("#"):
            where, why = line.split(" = ", 1)
            left[tuple(where.split())] = why
    if unknown := left.keys() - known:
        sys.exit(f"no leaves: {sorted(unknown)}")
    return left


def judged(library, python, options, listed):
    """One row of the table; the fates of its leaves are added to a list."""
    folder = Path(tempfile.mkdtemp(prefix="asyncup-colour-"))
    before, after = folder / "before", folder / "after"
    unpack(library, before)
    shutil.copytree(before, after)
    summary, findings = rewrite(after, options)
    was, complaints, _ = tested(library, python, before)
    now, never, output = tested(library, python, after)
    apart = uncolour.differences(before, after)
    unchanged = all(path.read_bytes() == (after / path.relative_to(before)).read_bytes() for path in before.rglob("*.py"))
    old, new = functions(before / library.code), functions(after / library.code)
    coloured = [name for name, node in new.items() if isinstance(node, ast.AsyncFunctionDef) and not isinstance(old.get(name), ast.AsyncFunctionDef)]
    fates = [fate(library, place, old, new, findings) for place in library.leaves.split()]
    tally = collections.Counter(kind for kind, _ in fates)
    print(f"{library.name}: {summary}", file=sys.stderr)
    for test in sorted(was - now):
        print(f"  no longer passes: {test}", file=sys.stderr)
    for difference in apart:
        print("  " + uncolour.shown(difference).replace("\n", "\n  "), file=sys.stderr)
    listed += [(library.name, place, kind, why) for place, (kind, why) in zip(library.leaves.split(), fates)]
    if options.verbose and (was - now or never):
        print("\n".join("  | " + line for line in output.splitlines()[-60:]), file=sys.stderr)
    if options.keep:
        kept = options.keep / library.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
    shutil.rmtree(folder, ignore_errors=True)
    trip = "unchanged" if unchanged else f"{len(apart)} apart" if apart else "equal"
    counts = [tally[kind] for kind in ("rewritten", "stopped", "neither")]
    return (library.name, len(old), len(coloured), len(fates), *counts, f"{len(was)} -> {len(now)}" if library.tests else "none", len(was - now), max(never - complaints, 0), trip)


def unpack(library, folder):
    """The source distribution, with what makes its tests asynchronous declared."""
    stem = f"{library.name}-{library.version}"
    archive = next((path for path in SOURCES.glob("*.tar.gz") if path.name.replace("_", "-") == f"{stem}.tar.gz".replace("_", "-")), None)
    if archive is None:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(SOURCES)]
        subprocess.run([*pip, f"{library.name}=={library.version}"], check=True)
        return unpack(library, folder)
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != library.sha256:
        sys.exit(f"{archive} has SHA-256 {found}, not {library.sha256}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder.parent / "unpacked", filter="data")
    next((folder.parent / "unpacked").iterdir()).rename(folder)
    for name, text in library.extra.items():
        (folder / name).write_text(text)
    with open(folder / "requirements-tests.txt", "a") as file:
        file.write("pytest==9.2.0\npytest-asyncio==1.5.0\n")


def rewrite(project, options):
    """Applies the codemod to all of a project; the tool's last line, and everything that it found before."""
    common = ["--select", "color_call_graph", "--no-cache", *(part for pair in options.config for part in ("--config", pair)), "."]
    listed = subprocess.run([options.tool, "check", "--output-format", "json", *common], cwd=project, capture_output=True, text=True)
    level = [] if options.safe else ["--unsafe-fixes"]
    env = dict(os.environ, ASYNCUP_STATE_DIR=str(project.parent / "state"))
    done = subprocess.run([options.tool, "apply", *level, *common], cwd=project, capture_output=True, text=True, env=env)
    if done.returncode not in (0, 1):
        sys.exit(f"asyncup ended with {done.returncode} in {project}:\n{done.stderr}")
    findings = json.loads(listed.stdout) if listed.stdout.strip() else []
    return (done.stderr.strip().splitlines() or [""])[-1], findings


def tested(library, python, project):
    """The names of the tests that pass, how often a coroutine was not awaited, and the output."""
    if not library.tests:
        done = subprocess.run([python, "-m", "compileall", "-q", library.code], cwd=project, capture_output=True, text=True)
        return set() if done.returncode else {"compiles"}, 0, done.stdout
    env = dict(os.environ, PYTHONPATH=library.path, PYTHONDONTWRITEBYTECODE="1", PBR_VERSION=library.version)
    runner, _, rest = library.tests.partition(" ")
    if runner == "unittest":
        command = ["-m", "unittest", "discover", "-v", "-s", rest, "-t", "."]
    else:
        command = ["-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider", "-p", "no:randomly", "-o", "addopts=", "--continue-on-collection-errors", *library.tests.split()]
    done = subprocess.run([python, "-W", "error::RuntimeWarning", *command], cwd=project, env=env, capture_output=True, text=True, timeout=600)
    output = done.stdout + done.stderr
    if runner == "unittest":
        passed = set(re.findall(r"^(\S+ \(.*?\))(?:\n.*)? \.\.\. ok$", output, re.M))
    else:
        passed = set(re.findall(r"^PASSED (.+?)(?: - .*)?$", output, re.M))
    return passed, output.count("was never awaited"), output


def functions(folder):
    """Every function of a folder's files, without tests, by `file:qualified name`; one defined twice is numbered."""
    found = {}

    def visit(node, file, scope):
        for child in ast.iter_child_nodes(node):
            inner = scope
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                inner = [*scope, child.name]
                if not isinstance(child, ast.ClassDef):
                    key = f"{file}:{'.'.join(inner)}"
                    while key in found:
                        key += "'"
                    found[key] = child
            visit(child, file, inner)

    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if not any(re.search(r"^tests?$|_test\.py$|^test_", part) for part in name.parts):
            visit(ast.parse(path.read_bytes()), name, [])
    return found


def fate(library, place, old, new, findings):
    """What became of a call that blocks: rewritten, stopped (and why), or neither."""
    file, line = place.rsplit(":", 1)
    for key, node in old.items():
        if key.startswith(file + ":") and node.lineno <= int(line) <= node.end_lineno:
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call) and call.lineno == int(line)]
            owner, leaf = key, max(calls, key=lambda call: call.end_lineno - call.lineno + len(ast.unparse(call)))
    wanted = innermost_leaf(leaf)
    for call in ast.walk(new.get(owner, ast.Pass())):
        if isinstance(call, ast.Call):
            name = ast.unparse(call.func)
            if name == ASYNC_FORMS.get(wanted) or name.endswith("to_thread") and call.args and ast.unparse(call.args[0]) == wanted:
                return "rewritten", ""
    for finding in findings:
        at = finding["location"]["row"], finding["end_location"]["row"]
        if finding["filename"].endswith(f"{library.code}/{file}") and at[0] <= int(line) <= at[1]:
            return "stopped", finding.get("reason") or finding["message"]
    return "neither", ""


def innermost_leaf(call):
    """The function that blocks: of `getattr(session, verb)(url)` the whole getter."""
    return ast.unparse(call.func)


if __name__ == "__main__":
    main()
