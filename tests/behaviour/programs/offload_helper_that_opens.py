# codemods: offload_blocking_helper
# level: safe
"""Helpers that open a file or a database, use it and close it."""

import asyncio
import json
import sqlite3
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())


def save(path, data):
    with open(path, "w") as file:
        json.dump(data, file)


def load(path):
    with open(path) as file:
        return json.load(file)


def rows(path):
    connection = sqlite3.connect(path)
    try:
        connection.execute("create table numbers (number)")
        connection.execute("insert into numbers values (1)")
        return connection.execute("select * from numbers").fetchall()
    finally:
        connection.close()


async def main():
    found = []
    for number in range(2):
        save(folder / f"{number}.json", {"number": number})
        found.append(load(folder / f"{number}.json"))
    try:
        load(folder / "none.json")
    except FileNotFoundError as error:
        found.append(Path(error.filename).name)
    await asyncio.sleep(0)
    return found, rows(folder / "numbers.db")
