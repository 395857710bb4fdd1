# codemods: gather_sequential_awaits
# level: none
"""A client that signs in when it is first used."""

import asyncio

effects = []


class Api:
    def __init__(self):
        self.token = None

    async def _sign_in(self):
        if self.token is None:
            await asyncio.sleep(0.01)
            effects.append("signed in")
            self.token = len(effects)
        return self.token

    async def profile(self):
        return ["profile", await self._sign_in()]

    async def settings(self):
        return ["settings", await self._sign_in()]

    async def both(self):
        profile = await self.profile()
        settings = await self.settings()
        return profile, settings


async def main():
    return await Api().both()
