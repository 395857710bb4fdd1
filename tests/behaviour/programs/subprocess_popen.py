# codemods: replace_subprocess_run
# level: unsafe
"""Processes with a name that the event loop starts: what they are told, what they say, and how they end."""

import shlex
import subprocess


async def upper(text):
    process = subprocess.Popen(["tr", "a-z", "A-Z"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    out, err = process.communicate(text)
    return out, err, process.returncode


async def lines(command):
    process = subprocess.Popen(shlex.split(command), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    seen = []
    for line in process.stdout:
        seen.append(line)
    seen.append(process.stderr.read())
    return seen, process.wait(), process.poll()


async def stopped():
    process = subprocess.Popen(["sleep", "20"])
    before = process.poll()
    process.terminate()
    return before, process.wait()


async def in_shell():
    process = subprocess.Popen("echo $WORD; exit 3", shell=True, env={"WORD": "word"}, stdout=subprocess.PIPE)
    first = process.stdout.readline()
    return first, process.stdout.read(), process.wait()


async def missing():
    try:
        process = subprocess.Popen(["no-such-program"] + ["x"])
        process.wait()
    except FileNotFoundError as error:
        return error.filename


async def main():
    return await upper(b"text"), await lines("ls / /no-such-folder"), await stopped(), await in_shell(), await missing()
