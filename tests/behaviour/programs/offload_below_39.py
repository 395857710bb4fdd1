# codemods: offload_blocking_call
# level: safe
# target: py38
"""Without `asyncio.to_thread`, the context still goes along."""

import socket
import subprocess


async def main():
    left, right = socket.socketpair()
    subprocess.call("exit 0", shell=True)
    left.close()
    right.close()
    return subprocess.check_output(["echo", "a"], text=True, timeout=20)
