# codemods: gather_sequential_awaits
# level: none
"""Who is signed in is a context variable that the first callee sets."""

import asyncio
import contextvars

user = contextvars.ContextVar("user", default="nobody")


async def authenticate(name):
    await asyncio.sleep(0.01)
    user.set(name)
    return True


async def load_greeting():
    await asyncio.sleep(0.005)
    return f"hello {user.get()}"


async def main():
    known = await authenticate("ada")
    greeting = await load_greeting()
    return known, greeting, user.get()
