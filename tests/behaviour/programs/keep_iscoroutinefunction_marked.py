# codemods: replace_iscoroutinefunction
# level: none
# target: py312
"""The private mark is known to asyncio's function only."""

import asyncio
import warnings


class Adapter:
    def __init__(self):
        self._is_coroutine = asyncio.coroutines._is_coroutine


async def main():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return asyncio.iscoroutinefunction(Adapter())
