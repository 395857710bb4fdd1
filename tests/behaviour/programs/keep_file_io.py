# codemods: replace_file_io_with_aiofiles
# level: none
"""Files that other code uses, that a lock guards, and that are replaced by those of a test."""

import csv
import io
import shutil
import tempfile
import threading
from unittest import mock

import aiofiles

lock = threading.Lock()


async def rows(name):
    with open(name, newline="") as file:
        return list(csv.reader(file))


async def guarded(name):
    with lock:
        with open(name) as file:
            return file.read()


async def copied(name):
    target = io.StringIO()
    with open(name) as file:
        shutil.copyfileobj(file, target)
    return target.getvalue()


async def counted(name):
    with open(name) as file:
        return sum(len(line) for line in file)


async def main():
    with tempfile.NamedTemporaryFile("w+") as file:
        file.write("a,b\n")
        file.flush()
        found = [await rows(file.name), await guarded(file.name), await copied(file.name), await counted(file.name)]
    with mock.patch("builtins.open", mock.mock_open(read_data="x")):
        found.append(await guarded("nowhere"))
    return found, aiofiles.__name__
