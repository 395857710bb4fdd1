# codemods: gather_sequential_awaits
# level: safe
"""asyncio has another name here."""

import asyncio as aio


async def ask(question: str) -> str:
    await aio.sleep(0.01)
    return question.replace("?", "!")


async def main():
    one = await ask("ready?")
    two = await ask("steady?")
    return one, two
