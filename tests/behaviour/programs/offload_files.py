# codemods: offload_blocking_call
# level: any
"""Paths, folders and copies; the expressions around the calls keep their order."""

import shutil
import tempfile
from pathlib import Path

effects = []


def note(value):
    effects.append(value)
    return value


async def main():
    folder = Path(tempfile.mkdtemp())
    try:
        (folder / note("a.txt")).write_text(note("über\n"), encoding=note("utf-8"))
        shutil.copytree(folder, folder / "copy", ignore=shutil.ignore_patterns("copy"))
        text = (folder / "copy" / "a.txt").read_text("utf-8").strip().upper()
        names = sorted(path.name for path in sorted(folder.rglob("*")))
        try:
            (folder / "none").read_bytes()
        except FileNotFoundError as error:
            effects.append(Path(error.filename).name)
        (folder / "b").mkdir()
        return text, names, len(list(folder.iterdir()))
    finally:
        effects.append("end")
        shutil.rmtree(folder)
