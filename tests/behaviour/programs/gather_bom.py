# codemods: gather_sequential_awaits
# level: safe
# text: bom
"""A byte order mark, and letters that are more than one byte long."""

import asyncio


async def grüße(wer: str) -> str:
    await asyncio.sleep(0.01)
    return f"Grüße an {wer} 🙂"


async def main():
    eins = await grüße("Änne")
    zwei = await grüße("Özgür")  # 🙂 zwei
    return eins, zwei
