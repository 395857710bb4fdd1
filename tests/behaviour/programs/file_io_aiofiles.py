# codemods: replace_file_io_with_aiofiles, offload_blocking_call
# level: any
"""Files through aiofiles, beside those that only a thread can open: values, positions, errors, what is on the disk afterwards."""

import csv
import json
import os
import pickle
import tempfile
from pathlib import Path

import aiofiles


async def lines(name):
    async with aiofiles.open(name) as file:
        first = await file.readline()
    with open(name, newline="") as file:
        rest = [line for line in file]
    with open(name) as file:
        counted = 0
        for line in file:
            if line.startswith("b"):
                break
            counted += 1
    with open(name, "rb") as file:
        chunks = []
        while chunk := file.read(4):
            chunks.append(chunk)
        position = file.tell(), file.seek(1), file.readline(), file.mode, file.closed
    return first, rest, counted, chunks, position, file.closed


async def objects(folder):
    data = {"a": [1, None], "b": "ü"}
    with open(folder / "data.json", "w", encoding="utf-8") as file:
        json.dump(data, file, ensure_ascii=False)
    with (folder / "data.json").open(encoding="utf-8") as file:
        loaded = json.load(file)
    with open(folder / "data.pickle", "wb") as file:
        pickle.dump(data, file, protocol=4)
        written = file.tell()
    with open(folder / "data.pickle", "rb") as file, open(folder / "copy", "wb") as copy:
        copy.write(file.read())
    with open(folder / "copy", "rb") as file:
        same = pickle.load(file) == loaded
    return loaded, written, same, sorted(os.listdir(folder))


async def errors(folder):
    seen = []
    try:
        with open(folder / "none") as file:
            file.read()
    except FileNotFoundError as error:
        seen.append((error.errno, Path(error.filename).name))
    try:
        with open(folder / "lines") as file:
            file.write("x")
    except OSError as error:
        seen.append(type(error).__name__)
    try:
        with open(folder / "latin", "rb") as file:
            json.load(file)
    except ValueError as error:
        seen.append(type(error).__name__)
    return seen


async def rows(name):
    with open(name, newline="") as file:
        return list(csv.reader(file))


async def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = open(folder / "lines", "w")
        log.write("alpha,1\nbeta,2\r\n")
        log.writelines(["gamma\n"])
        log.close()
        (folder / "latin").write_bytes(b"\xe9")
        return (
            await lines(folder / "lines"),
            await objects(folder),
            await errors(folder),
            await rows(folder / "lines"),
        )
