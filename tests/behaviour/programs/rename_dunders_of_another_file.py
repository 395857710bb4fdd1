# codemods: rename_sync_dunders
# level: unsafe
# expect: differs
"""The error of the body becomes visible in the file that enters the class."""

import warnings

import client
from client import Session

warnings.simplefilter("ignore")


async def main():
    try:
        with Session() as session:
            raise ValueError(session.name)
    except ValueError as error:
        return "seen", str(error)
    with client.Session():
        return "not seen"
# file: client.py
import asyncio


class Session:
    name = "s"

    async def __enter__(self):
        return self

    async def __exit__(self, *exc_info):
        await asyncio.sleep(0)
