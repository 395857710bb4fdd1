# codemods: gather_sequential_awaits
# level: any
"""The run lies in the body of a loop, whose variable it uses."""

import asyncio


async def name_of(user: int) -> str:
    await asyncio.sleep(0.005)
    return f"user {user}"


async def score_of(user: int) -> int:
    await asyncio.sleep(0.005)
    return user * user


async def main():
    rows = []
    for user in range(4):
        name = await name_of(user)
        score = await score_of(user)
        rows.append((name, score))
    return rows
