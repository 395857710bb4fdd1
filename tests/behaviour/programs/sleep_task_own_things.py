# codemods: replace_time_sleep
# level: safe
"""A connection of its own, a number that it has taken before the pause, and tasks that somebody waits for."""

import asyncio
import sqlite3
import time

effects = []


class Tickets:
    def __init__(self):
        self.next = 0

    async def take(self):
        own = self.next
        self.next = own + 1
        time.sleep(0.005)
        return own


async def insert(n):
    connection = sqlite3.connect(":memory:")
    connection.execute("create table t (n int)")
    with connection:
        connection.execute("insert into t values (?)", (n,))
        time.sleep(0.005)
    connection.commit()
    return connection.execute("select n from t").fetchall()


async def main():
    tickets = Tickets()
    task = asyncio.create_task(insert(7))
    numbers = sorted(await asyncio.gather(tickets.take(), tickets.take()))
    return [numbers, await task, await insert(8)]
