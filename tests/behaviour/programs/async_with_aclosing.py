# codemods: use_async_with
# level: safe
"""Generators that are left early, by `break`, `return`, `continue` of an outer loop and an exception."""

import asyncio

effects = []


async def numbers(count):
    try:
        for number in range(count):
            await asyncio.sleep(0)
            yield number
    finally:
        effects.append("closed")


async def first(kind):
    for attempt in range(2):
        effects.append((kind, attempt))
        gen = numbers(3)
        # One after the other.
        try:
            async for number in gen:
                if kind == "return":
                    return number
                if kind == "continue":
                    break
                if kind == "raise":
                    raise LookupError(number)
        finally:
            await gen.aclose()  # at once
        effects.append("behind")
    return kind


async def main():
    seen = []
    for kind in ("return", "continue", "raise", "all"):
        try:
            seen.append(await first(kind))
        except LookupError as error:
            seen.append(repr(error))
    return seen
