# codemods: offload_blocking_helper
# level: none
"""What a class keeps for each thread is not there in another one."""

import asyncio
import subprocess
import threading


class Database:
    state = threading.local()

    def user(self):
        subprocess.run(["true"])
        return getattr(self.state, "user", None)


class Reader(Database):
    @classmethod
    def name(cls):
        subprocess.run(["true"])
        return vars(cls.state).get("user")


async def main():
    Database.state.user = "ann"
    return Database().user(), Reader.name(), Reader().user()
