# codemods: use_async_with
# level: safe
"""A class of the module: success, failure, a return, a failing close, cancellation at every step."""

import asyncio

effects = []


class Connection:
    def __init__(self, bad=False):
        self.bad = bad

    async def __aenter__(self):
        return self

    async def __aexit__(self, *exc_info):
        await self.close()

    async def close(self):
        effects.append("closing")
        await asyncio.sleep(0.01)
        if self.bad:
            raise OSError("close")
        effects.append("closed")


async def work(kind):
    effects.append(kind)
    await asyncio.sleep(0.01)
    if kind == "fail":
        raise ValueError(kind)
    return kind


async def use(kind):
    connection = Connection(bad=kind == "bad")
    try:
        if kind == "return":
            return await work(kind)
        await work(kind)
    except ValueError as error:
        effects.append(repr(error))
        raise KeyError(kind)
    else:
        effects.append("else")
    finally:
        await connection.close()
    return connection.bad


async def main():
    seen = []
    for kind in ("go", "return", "fail", "bad"):
        try:
            seen.append(await use(kind))
        except Exception as error:
            seen.append((type(error).__name__, error.args, repr(error.__context__)))
    for delay in (0.005, 0.015):
        task = asyncio.create_task(use("cancelled"))
        await asyncio.sleep(delay)
        task.cancel()
        seen.append((await asyncio.gather(task, return_exceptions=True))[0].__class__)
    return seen
