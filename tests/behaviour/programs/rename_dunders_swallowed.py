# codemods: rename_sync_dunders
# level: unsafe
# expect: differs
"""The error of the body becomes visible."""

import asyncio
import warnings

warnings.simplefilter("ignore")


class Session:
    async def __enter__(self):
        return self

    async def __exit__(self, *exc_info):
        await asyncio.sleep(0)


async def main():
    try:
        with Session() as session:
            raise ValueError(type(session).__name__)
    except ValueError as error:
        return error.args
    return "swallowed"
