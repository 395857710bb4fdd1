# codemods: replace_file_io_with_aiofiles
# level: unsafe
"""Files and paths through anyio: values, errors, and what is on the disk afterwards."""

import json
import tempfile
from pathlib import Path

import anyio


async def copy(source: Path, folder: Path):
    text = source.read_text(encoding="utf-8")
    written = (folder / "copy").write_text(text.upper(), encoding="utf-8")
    with open(folder / "copy", encoding="utf-8") as file:
        lines = [line.rstrip() for line in file]
    log = open(folder / "log", "a+")
    log.write("one\n")
    log.seek(0)
    read = log.readlines()
    log.close()
    return text, written, lines, read, log.closed, Path(folder, "copy").read_bytes()


async def load(path: Path):
    try:
        with path.open() as file:
            return json.load(file)
    except (FileNotFoundError, ValueError) as error:
        return type(error).__name__


async def main():
    folder = Path(tempfile.mkdtemp())
    await anyio.sleep(0)
    source = folder / "source"
    source.write_text("ä\nb")
    (folder / "data").write_bytes(b"[1, 2]")
    answers = await copy(source, folder), await load(folder / "data"), await load(source), await load(folder / "no")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return answers
