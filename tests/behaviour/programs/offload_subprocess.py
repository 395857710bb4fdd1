# codemods: offload_blocking_call
# level: safe
# unblocks: 300
"""Processes are waited for in a thread: values, exceptions and their attributes stay."""

import subprocess
import sys


async def run(code: str, **options):
    return subprocess.run([sys.executable, "-S", "-c", code], **options)


async def main():
    done = await run("print('hi'); raise SystemExit(3)", capture_output=True, text=True)
    seen = [(done.returncode, done.stdout, done.stderr)]
    try:
        await run("raise SystemExit(4)", check=True)
    except subprocess.CalledProcessError as error:
        seen.append((error.returncode, len(error.cmd)))
    try:
        subprocess.run(["sleep", "5"], timeout=0.4)
    except subprocess.TimeoutExpired as error:
        seen.append((error.cmd, round(error.timeout, 1)))
    seen.append(subprocess.check_output(["echo", "out"]))
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, _ = process.communicate(b"in")
    return seen, out, process.returncode
