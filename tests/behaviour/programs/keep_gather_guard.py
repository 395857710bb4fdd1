# codemods: gather_sequential_awaits
# level: none
"""What a guard lets through is not asked for before it has let it through."""

import asyncio

asked = []


async def check_access(user):
    await asyncio.sleep(0.002)
    if user == 2:
        raise PermissionError(user)


async def secret(user):
    asked.append(user)
    await asyncio.sleep(0.002)
    return f"secret {user}"


async def handle(user):
    await check_access(user)
    text = await secret(user)
    return text


async def main():
    answers = await asyncio.gather(handle(1), handle(2), return_exceptions=True)
    return [str(answer) for answer in answers], asked
