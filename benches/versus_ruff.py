#!/usr/bin/env python3
"""Times asyncup against ruff's ASYNC rules on the same tree, in turn.

    cargo build --release
    python3 benches/versus_ruff.py --fetch                  # once: eight packages, 15,294 .py files, into target/corpus
    python3 benches/versus_ruff.py                          # 1 warm-up and 5 rounds of A B on target/corpus
    python3 benches/versus_ruff.py --corpus DIR --rounds 9  # any other tree

Needs Python 3.11+ (standard library only), a Unix, and pip's configured index for --fetch and, once, for ruff: without --ruff PATH a pinned ruff is
installed in target/bench-venv. --fetch takes some 220 MB and unpacks to 780 MB; every archive's SHA-256 is checked. All but two packages come
as wheels, so none of their code runs; aiohttp and mcp come as sdists for the sake of their tests, so pip asks their build back ends for the metadata.

    A   asyncup diff --no-cache --isolated --target-version py312 --exit-zero DIR      every codemod is on by default
    B   ruff check --select ASYNC --no-cache --isolated --exit-zero DIR

Both write to /dev/null. CPU is user and system time of the process with its children, memory the peak resident size of the largest of them, both
from wait4(2). The page cache is warm after the warm-up, which also keeps the output to show that each tool did run. Both use every core unless
RAYON_NUM_THREADS says otherwise. On a machine that does other work trust CPU and the minimum more than wall time: see the load that is printed.
"""
import argparse, hashlib, os, platform, shutil, statistics, subprocess, sys, tarfile, tempfile, time, venv, zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
VENV = TARGET / "bench-venv"
RUFF = "0.17.6"
WHEEL = ["--only-binary", ":all:", "--python-version", "3.13", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64"]  # the same files on every machine
PACKAGES = [  # name, version, sdist or wheel, SHA-256 of the archive
    ("homeassistant", "2025.4.4", "wheel", "b7970fe3ce3a9d032a3a5dee3cbf71b227e7f23fad14a23855ee252542ef2631"),
    ("litellm", "1.109.1", "wheel", "1c8b4dd671fa0cd0850aa751678704ff77e595fb1e6085b2dc3be39ee19bdaaf"),
    ("open-webui", "0.12.4", "wheel", "02e9caba96234db3fa17a92e56163b3f7f2b8ca8227fa886b85c178d696483f6"),
    ("prefect", "3.9.1", "wheel", "0c662e26e971b617993eed1f3d02fb8bc3c2dd47bee521b495f6e4dfeb38ae74"),
    ("langflow-base", "1.13.0", "wheel", "e15db23e16cf27d6d1ac8fcc5030cf25ad3a04356a9581862b4e97de739dd3a2"),
    ("agno", "3.1.10", "wheel", "ea1d0d2f8f7e8d0c413c2a1df57b4c784dac2f70ceac1f69b935fd8d2ef68c7e"),
    ("aiohttp", "3.14.5", "sdist", "5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178"),
    ("mcp", "2.3.0", "sdist", "8b147a50441cf059dc88c684e0aeed3687f0aa0f39c6cde7b90330effd2b34d8"),
]


def bench_python():
    """The Python of target/bench-venv, which is made when missing."""
    python = VENV / "bin" / "python"
    if not python.exists():
        venv.create(VENV, with_pip=True, clear=True)
    return str(python)


def pinned_ruff():
    ruff = VENV / "bin" / "ruff"
    if not ruff.exists() or version(ruff) != f"ruff {RUFF}":
        subprocess.run([bench_python(), "-m", "pip", "install", "--quiet", f"ruff=={RUFF}"], check=True)
    return str(ruff)


def version(tool):
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return (done.stdout.strip().splitlines() or [f"no version (exit {done.returncode})"])[0]


def fetch(corpus):
    """Downloads and unpacks what is not there yet; a folder appears only once it is complete."""
    corpus.mkdir(parents=True, exist_ok=True)
    for name, number, kind, digest in PACKAGES:
        folder = corpus / name
        stamp = folder / f".fetched-{digest[:16]}"
        if not stamp.exists():
            with tempfile.TemporaryDirectory(dir=corpus, prefix=".fetch-") as temporary:
                got, tree = Path(temporary, "got"), Path(temporary, "tree")
                how = WHEEL if kind == "wheel" else ["--no-binary", name]
                pip = [bench_python(), "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python", "-d", str(got), *how]
                subprocess.run([*pip, f"{name}=={number}"], check=True)
                (archive,) = got.iterdir()
                with archive.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != digest:
                    raise SystemExit(f"{archive.name}: SHA-256 is {found}, not {digest}")
                tree.mkdir()
                if kind == "wheel":
                    with zipfile.ZipFile(archive) as file:
                        file.extractall(tree)
                else:  # before 3.11.4 there is no filter; what is unpacked is known by its hash
                    with tarfile.open(archive) as file:
                        file.extractall(tree, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
                (tree / stamp.name).touch()
                shutil.rmtree(folder, ignore_errors=True)
                tree.rename(folder)
        print(f"{name + '==' + number:26} {kind}  {count(folder)[0]:6,} .py files", flush=True)


def count(tree):
    files = size = 0
    for folder, _, names in os.walk(tree):
        for name in names:
            if name.endswith(".py"):
                files += 1
                size += os.lstat(os.path.join(folder, name)).st_size
    return files, size


def run(command, out, err):
    """One run: wall and CPU seconds, peak memory in MB, exit status."""
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_OPEN, 2, err, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
    ]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return (wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6), os.waitstatus_to_exitcode(status)


def warm_up(name, command, accepted):
    """Runs once with the output kept, and says what came out: a tool that fails at once would win every round."""
    with tempfile.TemporaryDirectory() as temporary:
        out, err = os.path.join(temporary, "out"), os.path.join(temporary, "err")
        _, status = run(command, out, err)
        said = Path(err).read_text("utf-8", "replace").strip().splitlines()
        with open(out, "rb") as file:
            lines = sum(1 for _ in file)
        size = os.path.getsize(out)
    if status not in accepted:
        raise SystemExit(f"{name}: exit status {status}\n" + "\n".join(said[-20:]))
    print(f"{name:8} exit {status}, {lines:,} lines ({size / 1e6:.1f} MB) of output" + (f"; says: {said[-1][:160]}" if said else ""), flush=True)


def table(names, samples):
    units = ["wall s", "CPU s", "peak MB"]
    print(f"\n{'':10}{'':10}{'min':>10}{'median':>10}{'max':>10}")
    for index, unit in enumerate(units):
        medians = []
        for name in names:
            values = [sample[index] for sample in samples[name]]
            medians.append(statistics.median(values))
            digits = 1 if unit == "peak MB" else 3
            print(f"{unit if name == names[0] else '':10}{name:10}" + "".join(f"{value:10.{digits}f}" for value in (min(values), medians[-1], max(values))))
        ratio = f"{medians[0] / medians[1]:.2f}" if medians[1] else "-"
        print(f"{'':10}{'ratio':10}{'':10}{ratio:>10}")
    print(f"\nratio: {names[0]} / {names[1]}, of the medians; under 1 {names[0]} is ahead")


def load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


def processor():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=Path, default=TARGET / "release" / "asyncup", metavar="PATH", help="default: target/release/asyncup")
    parser.add_argument("--ruff", type=Path, metavar="PATH", help=f"default: ruff {RUFF} in target/bench-venv, installed when missing")
    parser.add_argument("--corpus", type=Path, default=TARGET / "corpus", metavar="DIR", help="default: target/corpus")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: 5")
    parser.add_argument("--fetch", action="store_true", help="download and unpack the eight packages into --corpus, and stop")
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error("--rounds must be at least 1")
    corpus = args.corpus.resolve()
    if args.fetch:
        return fetch(corpus)

    tool = args.tool.resolve()
    if not os.access(tool, os.X_OK):
        parser.error(f"{args.tool} is not there: `cargo build --release`, or give --tool")
    if not corpus.is_dir():
        parser.error(f"{args.corpus} is not there: run with --fetch first, or give --corpus")
    ruff = str(args.ruff.resolve()) if args.ruff else pinned_ruff()
    commands = {
        "asyncup": [str(tool), "diff", "--no-cache", "--isolated", "--target-version", "py312", "--exit-zero", str(corpus)],
        "ruff": [ruff, "check", "--select", "ASYNC", "--no-cache", "--isolated", "--exit-zero", str(corpus)],
    }

    files, size = count(corpus)
    shown = subprocess.run([ruff, "check", "--isolated", "--show-files", str(corpus)], capture_output=True, text=True, check=True)
    print(f"machine  {os.cpu_count()} cores, {processor()}, {platform.system()} {platform.machine()}")
    print(f"tools    {version(tool)}; {version(ruff)}; Python {platform.python_version()}")
    print(f"tree     {files:,} .py files, {size / 1e6:.1f} MB; ruff looks at {len(shown.stdout.splitlines()):,} files")
    print(f"load     {load()} before")
    warm_up("asyncup", commands["asyncup"], {0, 3})  # 3: the run is incomplete, a file does not parse
    warm_up("ruff", commands["ruff"], {0})
    samples = {name: [] for name in commands}
    for number in range(1, args.rounds + 1):
        for name, command in commands.items():
            sample, status = run(command, os.devnull, os.devnull)
            if status not in {0, 3}:
                raise SystemExit(f"{name}: exit status {status} in round {number}")
            samples[name].append(sample)
    print(f"load     {load()} after {args.rounds} rounds")
    table(list(commands), samples)


if __name__ == "__main__":
    main()
