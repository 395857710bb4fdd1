# codemods: gather_awaits_in_loop
# level: safe
"""An error of one call arrives as it is, whichever call it is."""

import asyncio


class Missing(LookupError):
    pass


async def find(key: str) -> str:
    await asyncio.sleep(0.01)
    if key.startswith("no"):
        raise Missing(key, len(key))
    return key.upper()


async def find_all(keys: tuple[str, ...]) -> list[str]:
    found = []
    for key in keys:
        found.append(await find(key))
    return found


async def main():
    seen = []
    for keys in [("a", "b"), ("no-a", "b"), ("a", "no-b"), ()]:
        try:
            seen.append(await find_all(keys))
        except LookupError as error:
            seen.append((type(error).__name__, error.args, error.__cause__))
    return seen
