# codemods: replace_subprocess_run
# level: unsafe
# unblocks: 300
"""Processes of the event loop: values, exceptions and their attributes, text, limits and shells as before."""

import subprocess
import sys
import time
from pathlib import Path

CODES = [
    "print('x')",
    "import sys; sys.stdout.write('partial'); sys.stdout.flush(); sys.stderr.write('err'); sys.exit(2)",
    "import time; print('early', flush=True); time.sleep(1)",
]
OPTIONS = [
    dict(capture_output=True),
    dict(capture_output=True, text=True, check=True),
    dict(stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=5),
    dict(capture_output=True, timeout=0.3),
    dict(capture_output=True, timeout=0.3, text=True),
]


async def main():
    seen = []
    for options in OPTIONS:
        for code in CODES:
            try:
                done = subprocess.run([sys.executable, "-S", "-c", code], **options)
                seen.append((done.returncode, done.stdout, done.stderr, len(done.args)))
            except subprocess.CalledProcessError as error:
                seen.append((error.returncode, error.stdout, error.stderr, str(error)[-12:]))
            except subprocess.TimeoutExpired as error:
                seen.append((error.timeout, error.stdout, error.stderr, error.output))
    crlf = "import sys; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(b'a\\r\\nb\\rc' + data)"
    command = [sys.executable, "-S", "-c", crlf]
    for options in (
        dict(input="\u00e9\n", encoding="latin-1"),
        dict(input="\u00e9", encoding="ascii", errors="replace"),
        dict(input=b"\xe9"),
        dict(input="", text=True),
        dict(universal_newlines=True, stdin=subprocess.DEVNULL),
    ):
        seen.append(subprocess.run(command, stdout=subprocess.PIPE, **options).stdout)
    seen.append(subprocess.check_output(["sh", "-c", "pwd; echo $X"], cwd="/", env={"X": "1"}))
    seen.append(subprocess.check_output("exit 0; echo no", shell=True, text=True))
    seen.append(subprocess.call("exit 3", shell=True))
    seen.append(subprocess.call(Path("/bin/true")))
    try:
        subprocess.check_call(["sh", "-c", "kill -9 $$"])
    except subprocess.CalledProcessError as error:
        seen.append((error.returncode, error.cmd[0]))
    try:
        subprocess.run(["/no/such/program"])
    except FileNotFoundError as error:
        seen.append((error.filename, error.errno))
    try:
        subprocess.run([sys.executable, "-c", "print(1)"], input="text", check=True)
    except TypeError:
        seen.append("bytes are asked for")
    started = time.monotonic()
    try:
        # The child of the shell holds the pipe after the shell is gone.
        subprocess.run("sleep 2 & echo left; sleep 2", shell=True, stdout=subprocess.PIPE, timeout=0.2)
    except subprocess.TimeoutExpired as error:
        seen.append((error.output, time.monotonic() - started < 1.5))
    big = subprocess.run(["cat"], input=b"x" * 300_000, capture_output=True)
    unread = subprocess.run(["true"], input=b"x" * 300_000)
    return seen, len(big.stdout), unread.returncode
