#!/usr/bin/env python3
"""Compares what asyncup finds with what the linters of the field report about asyncio, on the same tree.

    cargo build --release
    python3 benches/linter_recall.py                          # recall per rule, on target/corpus (see versus_ruff.py --fetch)
    python3 benches/linter_recall.py --corpus DIR --flake8-files 2000
    python3 benches/linter_recall.py --list RUF006            # the places of one rule that asyncup says nothing about

Ruff is asked for ASYNC1*, ASYNC2*, RUF006, RUF029 and UP041, in preview. flake8-async takes minutes for a thousand files, so it reads a sample: every n-th of
the files with `async def` that import asyncio, --flake8-files in all. hydroid follows calls from async functions to what blocks, in each package of
the tree by itself; its rules are its categories. All are installed, pinned, in target/bench-venv when missing.

A place is *found* when asyncup has a rewrite or a report in the same lines, *left alone* when it has recognised the pattern there and says why it is
none, *explained* when a codemod's page says why the rule's findings are no defect (column `why`), and *missing* otherwise.
"""
import argparse, collections, concurrent.futures, json, os, re, subprocess, sys
from pathlib import Path

from versus_ruff import TARGET, VENV, bench_python, pinned_ruff

FLAKE8_ASYNC = "26.8.1"
HYDROID = "0.5.0"
# About the choice of another library, not about asyncio.
OTHER_RULES = {"ASYNC127"}
RUFF_RULES = "ASYNC1,ASYNC2,RUF006,RUF029,UP041"
# Rules whose findings a codemod's page explains: the page, and why in a few words. What is not here must be found or left alone place by place.
EXPLAINED = {
    "ASYNC100": ("replace_wait_for_with_timeout", "around a yield: what the caller waits for is under it"),
    "ASYNC102": ("reraise_cancelled_error", "asyncio raises a cancellation once: clean-up may wait"),
    "ASYNC103": ("reraise_cancelled_error", "nothing waits in the try: the cancellation is not its own task's"),
    "ASYNC104": ("reraise_cancelled_error", "how a handler ends is judged with the handler"),
    "ASYNC106": ("await_forgotten_coroutine", "a form of import; names are followed through all"),
    "ASYNC110": ("replace_busy_wait", "no flag of the loop: another process or thread, or for ever"),
    "ASYNC115": ("replace_busy_wait", "asyncio has no checkpoint but sleep(0)"),
    "ASYNC119": ("use_async_with", "existing generators are left; none is made"),
    "ASYNC120": ("reraise_cancelled_error", "asyncio raises a cancellation once: clean-up may wait"),
    "ASYNC124": ("await_forgotten_coroutine", "as RUF029"),
    "ASYNC300": ("keep_task_reference", "a variable with an annotation holds its task"),
    "hy-synchronization": ("offload_blocking_helper", "locks that are held over no wait, and the one of logging"),
    "RUF029": ("await_forgotten_coroutine", "a coroutine that never waits is an interface kept, not a defect"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=Path, default=TARGET / "release" / "asyncup", metavar="PATH", help="default: target/release/asyncup")
    parser.add_argument("--corpus", type=Path, default=TARGET / "corpus", metavar="DIR", help="default: target/corpus")
    parser.add_argument("--ruff", type=Path, metavar="PATH", help="default: the pinned one, installed when missing")
    parser.add_argument("--flake8-async", type=Path, metavar="PATH", help="likewise")
    parser.add_argument("--flake8-files", type=int, default=500, metavar="N", help="default: 500; 0 leaves flake8-async out")
    parser.add_argument("--hydroid", type=Path, metavar="PATH", help="likewise")
    parser.add_argument("--no-hydroid", action="store_true", help="leave hydroid out")
    parser.add_argument("--list", metavar="RULE", help="print the places of this rule that are missing")
    args = parser.parse_args()
    corpus = args.corpus.resolve()
    if not corpus.is_dir():
        parser.error(f"{args.corpus} is not there: run versus_ruff.py --fetch first, or give --corpus")
    if not os.access(args.tool, os.X_OK):
        parser.error(f"{args.tool} is not there: `cargo build --release`, or give --tool")

    theirs = of_ruff(str(args.ruff or pinned_ruff()), corpus)
    if args.flake8_files:
        theirs += of_flake8_async(str(args.flake8_async or pinned_flake8_async()), corpus, args.flake8_files)
    if not args.no_hydroid:
        theirs += of_hydroid(str(args.hydroid or pinned_hydroid()), corpus)
    ours = of_asyncup(str(args.tool.resolve()), corpus)

    counts = collections.defaultdict(collections.Counter)
    missing = []
    for rule, file, first, last in sorted(set(theirs)):
        if rule in OTHER_RULES:
            continue
        verdict = judged(ours.get(file, ()), first, last)
        if verdict == "missing" and rule in EXPLAINED:
            verdict = "explained"
        counts[rule][verdict] += 1
        if verdict == "missing":
            missing.append((rule, file, first))
    if args.list:
        for rule, file, line in missing:
            if rule == args.list:
                print(f"{os.path.relpath(file, corpus)}:{line}")
        return
    kinds = ["found", "left alone", "explained", "missing"]
    print(f"{'rule':14}{'places':>8}" + "".join(f"{kind:>12}" for kind in kinds) + f"{'recall':>9}  why")
    for rule, count in sorted(counts.items()):
        total = count.total()
        recall = 1 - count["missing"] / total
        why = f"{EXPLAINED[rule][0]}: {EXPLAINED[rule][1]}" if rule in EXPLAINED else ""
        print(f"{rule:14}{total:8,}" + "".join(f"{count[kind]:12,}" for kind in kinds) + f"{recall:9.1%}  {why}".rstrip())


def judged(findings, first, last):
    """The best that asyncup says about these lines."""
    here = {kind for kind, start, end in findings if start <= last and first <= end}
    if here & {"fix", "report"}:
        return "found"
    return "left alone" if here else "missing"


def of_asyncup(tool, corpus):
    """Per file: (kind, first line, last line)."""
    command = [tool, "check", "--select", "ALL", "--verbose", "--isolated", "--target-version", "py312", "--output-format", "json-lines", "--exit-zero", str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode not in {0, 3}:
        raise SystemExit(f"asyncup: exit status {done.returncode}\n{done.stderr}")
    found = collections.defaultdict(list)
    for line in done.stdout.splitlines():
        finding = json.loads(line)
        found[os.path.abspath(finding["filename"])].append((finding["kind"], finding["location"]["row"], finding["end_location"]["row"]))
    return found


def of_ruff(ruff, corpus):
    """(rule, file, first line, last line) of each finding."""
    command = [ruff, "check", "--select", RUFF_RULES, "--preview", "--no-cache", "--isolated", "--exit-zero", "--target-version", "py312"]
    done = subprocess.run([*command, "--output-format", "json", str(corpus)], capture_output=True, text=True, check=True)
    return [
        (finding["code"], finding["filename"], finding["location"]["row"], finding["end_location"]["row"])
        for finding in json.loads(done.stdout)
        if finding["code"]  # None: a syntax error
    ]


def pinned_flake8_async():
    tool = VENV / "bin" / "flake8-async"
    if not tool.exists():
        subprocess.run([bench_python(), "-m", "pip", "install", "--quiet", f"flake8-async=={FLAKE8_ASYNC}"], check=True)
    return str(tool)


def of_flake8_async(tool, corpus, wanted):
    files = []
    for folder, _, names in os.walk(corpus):
        for name in names:
            if name.endswith(".py"):
                path = os.path.join(folder, name)
                text = Path(path).read_bytes()
                if b"async def" in text and re.search(rb"^\s*(import|from) asyncio", text, re.M):
                    files.append(path)
    files.sort()
    step = max(1, len(files) // wanted)
    files = files[::step][:wanted]
    print(f"flake8-async reads {len(files)} files", file=sys.stderr, flush=True)
    batches = [files[start : start + 20] for start in range(0, len(files), 20)]

    def run(batch):
        done = subprocess.run([tool, "--asyncio", "--disable-noqa", *batch], capture_output=True, text=True)
        return re.findall(r"^(.+?):(\d+):\d+: (ASYNC\d+)", done.stdout, re.M)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [(rule, file, int(line), int(line)) for found in pool.map(run, batches) for file, line, rule in found]


def pinned_hydroid():
    tool = VENV / "bin" / "hydroid"
    if not tool.exists():
        subprocess.run([bench_python(), "-m", "pip", "install", "--quiet", f"hydroid-cli=={HYDROID}"], check=True)
    return str(tool)


def of_hydroid(tool, corpus):
    """Where an async function makes the call that leads to what blocks."""
    found = []
    for package in sorted(path for path in corpus.iterdir() if path.is_dir()):
        print(f"hydroid reads {package.name}", file=sys.stderr, flush=True)
        done = subprocess.run([tool, str(package), "--format", "json", "--no-cache"], capture_output=True, text=True)
        if done.returncode not in {0, 1}:
            print(f"hydroid: {done.stderr.strip()[-200:]}", file=sys.stderr)
            continue
        for finding in json.loads(done.stdout)["diagnostics"]:
            place, category = finding["location"], finding["sink"]["category"]
            found.append((f"hy-{category}", str(package / place["path"]), place["line"], place["line"]))
    return found


if __name__ == "__main__":
    main()
