# codemods: offload_blocking_call
# level: none
"""What must stay in its thread, is not known to block, or is meant to be as it is."""

import os
import subprocess
import threading
from pathlib import Path

lock = threading.Lock()
effects = []


class subprocess2:
    @staticmethod
    def run(command):
        effects.append(command)


async def write(line):
    with lock:
        effects.append(subprocess.call(["true"]))
        effects.append(line)


async def main():
    await write("a")
    subprocess2.run("b")
    effects.append(os.path.isdir("/"))
    codes = next(subprocess.call(["true"]) == 0 for _ in range(2))
    return codes, Path(__file__).exists(), sorted(map(str, effects))
