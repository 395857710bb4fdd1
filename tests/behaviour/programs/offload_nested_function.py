# codemods: offload_blocking_call
# level: unsafe
"""A function defined beside the calls of it, which is run by a thread as a whole."""

import contextvars
import subprocess

name = contextvars.ContextVar("name", default="nobody")


async def main():
    name.set("somebody")

    def ask(*words):
        return subprocess.check_output(["echo", name.get(), *words]).decode().split()

    return [ask(word) for word in ("a", "b")], ask()
