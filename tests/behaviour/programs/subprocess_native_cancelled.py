# codemods: replace_subprocess_run
# level: unsafe
# expect: differs
"""A process is killed where its task is cancelled; a blocking call cannot be cancelled at all."""

import asyncio
import subprocess
import tempfile
from pathlib import Path


async def work(marker):
    subprocess.run(["sh", "-c", f"sleep 0.4; echo done > {marker}"])


async def main():
    with tempfile.TemporaryDirectory() as folder:
        marker = Path(folder) / "marker"
        try:
            await asyncio.wait_for(work(marker), 0.1)
        except asyncio.TimeoutError:
            pass
        await asyncio.sleep(0.6)
        return marker.exists()
