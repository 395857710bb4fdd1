# codemods: offload_blocking_call
# level: unsafe
# expect: differs
# gives: ('another thread', '')
"""The rows of a cursor that a caller passes: SQLite gives them to their own thread only."""

import asyncio
import csv
import sqlite3
import tempfile
from pathlib import Path


async def export(rows, path):
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        for row in rows:
            writer.writerow(row)


async def main():
    connection = sqlite3.connect(":memory:")  # asyncup: ignore[offload_blocking_call]
    connection.execute("create table numbers (number)")
    connection.execute("insert into numbers values (1)")
    path = Path(tempfile.mkdtemp(), "rows.csv")
    try:
        await export(connection.execute("select * from numbers"), path)
        found = "rows"
    except sqlite3.ProgrammingError:
        found = "another thread"
    connection.close()
    await asyncio.sleep(0)
    return found, path.read_text().strip()  # asyncup: ignore[offload_blocking_call]
