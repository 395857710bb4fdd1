# codemods: replace_sync_driver
# level: unsafe
"""A database of sqlite3 through aiosqlite: rows, counts, errors and what is committed."""

import sqlite3
import tempfile
from pathlib import Path


async def fill(path):
    with sqlite3.connect(path) as connection:
        connection.execute("create table t(a, b)")
        cursor = connection.executemany("insert into t values (?, ?)", [(1, "x"), (2, "y")])
        count = cursor.rowcount
        connection.execute("update t set b = upper(b) where a = ?", (2,))
    return count


async def read(path):
    connection = sqlite3.connect(path)
    try:
        first = connection.execute("select a, b from t order by a").fetchone()
        cursor = connection.cursor()
        cursor.execute("select b from t order by a desc")
        rest = [row[0] for row in cursor]
        pairs = []
        for row in connection.execute("select * from t order by a"):
            pairs.append(row)
        added = connection.execute("insert into t values (3, 'z')").lastrowid
        connection.rollback()
        left = connection.execute("select count(*) from t").fetchall()
    finally:
        connection.close()
    return first, rest, pairs, added, left


async def main():
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "test.db")
        filled = await fill(path)
        answers = await read(path)
        try:
            with sqlite3.connect(path) as connection:
                connection.execute("insert into t values (4, 'lost')")
                connection.execute("insert into missing values (1)")
        except sqlite3.OperationalError as error:
            return filled, answers, str(error), (await read(path))[4]
