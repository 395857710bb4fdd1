# codemods: offload_blocking_call
# level: safe
"""Files, a database and a walk, each moved to a thread as a whole: values, rebinding, exceptions."""

import asyncio
import os
import sqlite3
import tempfile


async def files(folder: str) -> list:
    name = os.path.join(folder, "numbers")
    total = 0
    with open(name, "w") as file:
        for number in range(5):
            file.write(f"{number}\n")
        written = file.tell()
    with open(name) as file:
        for line in file:
            if int(line) == 1:
                continue
            if int(line) == 4:
                break
            total += int(line)
    try:
        with open(os.path.join(folder, "none")) as file:
            text = file.read()
    except FileNotFoundError:
        text = "missing"
    with open(name) as file:
        return [written, total, text, file.read(), line]


async def failing(name: str) -> tuple:
    total = 0
    try:
        with open(name) as file:
            for line in file:
                total += int(line)
    except ValueError:
        return total, "failed"
    return total, "whole"


async def database() -> list:
    connection = sqlite3.connect(":memory:")
    try:
        cursor = connection.cursor()
        cursor.execute("create table t (a)")
        cursor.executemany("insert into t values (?)", [(2,), (1,)])
        rows = cursor.execute("select a from t order by a").fetchall()
    finally:
        connection.close()
    return rows


async def walk(folder: str) -> list:
    seen = []
    for root, names, _ in os.walk(folder):
        names[:] = sorted(name for name in names if name != "skip")
        seen.append(os.path.relpath(root, folder))
    return seen


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(await files(folder))
        mixed = os.path.join(folder, "mixed")
        open(mixed, "w").write("1\n2\nx\n4\n")
        print(await failing(mixed))
        print(await database())
        os.makedirs(os.path.join(folder, "skip", "deep"))
        os.makedirs(os.path.join(folder, "keep", "deep"))
        print(await walk(folder))


asyncio.run(main())
