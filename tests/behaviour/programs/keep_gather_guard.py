# codemods: gather_sequential_awaits
# level: none
"""The first call decides whether the second may happen."""

import asyncio

effects = []


async def ensure_quota(user):
    await asyncio.sleep(0.01)
    if user == "greedy":
        raise PermissionError(user)


async def charge(user):
    effects.append(("charged", user))
    await asyncio.sleep(0.005)
    return 9.99


async def buy(user):
    await ensure_quota(user)
    return await charge(user)


async def buy_and_tell(user):
    await ensure_quota(user)
    amount = await charge(user)
    return amount


async def main():
    seen = []
    for user in ("ada", "greedy"):
        for function in (buy, buy_and_tell):
            try:
                seen.append(await function(user))
            except PermissionError as error:
                seen.append(str(error))
    return seen
