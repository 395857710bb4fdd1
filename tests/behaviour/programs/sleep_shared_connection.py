# codemods: replace_time_sleep
# level: unsafe
# expect: differs
# gives: [[], ['ab', '']]
"""The pause stands in a transaction that others share, and between two uses of one position."""

import asyncio
import io
import sqlite3
import time

connection = sqlite3.connect(":memory:")
connection.execute("create table t (n int)")
text = io.StringIO("ab")


async def insert(n):
    try:
        with connection:
            connection.execute("insert into t values (?)", (n,))
            time.sleep(0.002 * n)
            if n == 1:
                raise ValueError
    except ValueError:
        pass


async def read_all():
    text.seek(0)
    time.sleep(0.002)
    return text.read()


async def main():
    await asyncio.gather(insert(1), insert(2), insert(3))
    rows = [n for (n,) in connection.execute("select n from t order by n")]
    return [rows, await asyncio.gather(read_all(), read_all())]
