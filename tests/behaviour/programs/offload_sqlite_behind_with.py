# codemods: offload_blocking_call
# level: any
"""A connection of sqlite3 that is used behind its `with` moves with all of that; one that any thread may use moves by transactions."""

import asyncio
import sqlite3


async def rows() -> list:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("create table numbers (value)")
        connection.execute("insert into numbers values (1)")
        cursor = connection.execute("select value from numbers")
    found = cursor.fetchall()
    connection.close()
    return found


class Store:
    def __init__(self):
        self.connection = sqlite3.connect(":memory:", check_same_thread=False)

    async def prepare(self):
        self.connection.execute("create table numbers (value)")

    async def add(self, value):
        cursor = self.connection.cursor()
        cursor.execute("insert into numbers values (?)", (value,))
        self.connection.commit()
        return cursor.lastrowid

    async def fail(self):
        try:
            with self.connection:
                self.connection.execute("insert into numbers values (9)")
                self.connection.execute("insert into nothing values (9)")
        except sqlite3.OperationalError as error:
            return str(error)

    async def all(self):
        return self.connection.execute("select value from numbers order by value").fetchall()


async def main():
    print(await rows())
    store = Store()
    await store.prepare()
    print(await store.add(1), await store.add(2), await store.fail(), await store.all())
    print([await store.add(number) for number in range(3, 6)], await store.all())
    store.connection.close()


asyncio.run(main())
