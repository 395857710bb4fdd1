#!/usr/bin/env python3
"""Times asyncup on ever more files of one tree: without its cache, with an empty one, and with one that knows all files.

    cargo build --release
    python3 benches/versus_ruff.py --fetch       # once: the tree, in target/corpus
    python3 benches/project_size.py              # 1,000, 5,000 and 15,000 files, 3 rounds
    python3 benches/project_size.py --corpus DIR --sizes 500,2000 --rounds 5

Needs Python 3.11+ (standard library only) and a Unix. A size takes the first so many .py files of the tree by path, so packages stay whole.

    no cache   asyncup diff --no-cache --isolated --target-version py312 --exit-zero @LIST
    cold       the same with --cache-dir of an empty folder
    warm       the same again: nothing has changed

All write to a file, and the three must write the same. Then one file in a hundred gets one more line, and `changed` is timed with the cache of
`warm`. The files are copied for that, so the tree stays as it is. Medians are printed, with the size of the cache.
"""
import argparse, filecmp, os, shutil, statistics, tempfile
from pathlib import Path

from versus_ruff import TARGET, load, processor, run, version

KINDS = ["no cache", "cold", "warm", "changed"]


def copied(corpus, size, folder):
    """The first files of the tree by path, copied, relative to the folder."""
    paths = sorted(path.relative_to(corpus) for path in corpus.rglob("*.py"))[:size]
    for path in paths:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(corpus / path, folder / path)
    return paths


def timed(tool, folder, cache, out):
    command = [tool, "diff", *cache, "--isolated", "--target-version", "py312", "--exit-zero", str(folder)]
    sample, status = run(command, str(out), os.devnull)
    if status not in {0, 3}:  # 3: a file does not parse
        raise SystemExit(f"asyncup: exit status {status}")
    return sample


def measured(tool, corpus, size, rounds):
    samples = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as temporary:
        temporary = Path(temporary)
        tree = temporary / "tree"
        paths = copied(corpus, size, tree)
        texts = {path: (tree / path).read_bytes() for path in paths[::100]}
        for _ in range(rounds):
            kept = temporary / "cache"
            shutil.rmtree(kept, ignore_errors=True)
            for kind, cache in [("no cache", ["--no-cache"]), ("cold", ["--cache-dir", str(kept)]), ("warm", ["--cache-dir", str(kept)])]:
                samples[kind].append(timed(tool, tree, cache, temporary / kind))
                if not filecmp.cmp(temporary / "no cache", temporary / kind, shallow=False):
                    raise SystemExit(f"{kind}: the output differs from that without a cache")
            size_kept = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
            for path, text in texts.items():
                (tree / path).write_bytes(text + b"\nx_of_the_benchmark = 1\n")
            samples["changed"].append(timed(tool, tree, ["--cache-dir", str(kept)], temporary / "changed"))
            for path, text in texts.items():
                (tree / path).write_bytes(text)
    return len(paths), samples, size_kept


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", type=Path, default=TARGET / "release" / "asyncup", metavar="PATH", help="default: target/release/asyncup")
    parser.add_argument("--corpus", type=Path, default=TARGET / "corpus", metavar="DIR", help="default: target/corpus")
    parser.add_argument("--sizes", default="1000,5000,15000", metavar="N,N", help="default: 1000,5000,15000")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="default: 3")
    args = parser.parse_args()
    tool = str(args.tool.resolve())
    print(f"machine  {os.cpu_count()} cores, {processor()}\ntool     {version(tool)}\nload     {load()}")
    print(f"\n{'files':>7}  {'':10}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'cache MB':>10}")
    for size in map(int, args.sizes.split(",")):
        files, samples, kept = measured(tool, args.corpus.resolve(), size, args.rounds)
        for kind in KINDS:
            wall, cpu, peak = (statistics.median(column) for column in zip(*samples[kind]))
            cache = f"{kept / 1e6:10.1f}" if kind == "warm" else ""
            print(f"{files if kind == KINDS[0] else '':>7}  {kind:10}{wall:9.2f}{cpu:9.2f}{peak:9.0f}{cache}", flush=True)


if __name__ == "__main__":
    main()
