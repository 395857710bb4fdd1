# codemods: await_forgotten_coroutine
# level: unsafe
# expect: differs
"""A check that lets everything pass, an effect that is missing and a value that has no items."""

import asyncio
import warnings

warnings.simplefilter("ignore")
effects = []


class Store:
    async def allowed(self, user):
        return user == "root"

    async def save(self, user):
        effects.append(user)

    async def add(self, user):
        if not self.allowed(user):
            return "refused"
        self.save(user)
        return "added"


async def main():
    store = Store()
    return [await store.add("root"), await store.add("guest")]
