# codemods: offload_blocking_call
# level: safe
"""The lines of a process are taken one by one, in a `while` loop."""

import asyncio
import subprocess
import sys


async def lines(code: str) -> list[str]:
    found = []
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if "skip" in line:
                continue
            if "stop" in line:
                break
            found.append(line.strip())
        else:
            found.append("the end")
        rest = process.stdout.read()
    return found + [rest, process.returncode]


async def both(code: str) -> list[bytes]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    found = []
    for line in iter(process.stdout.readline, b""):
        found.append(line)
    found += [line for line in process.stderr]
    process.wait()
    process.stdout.close()
    process.stderr.close()
    return found


async def main():
    print(await lines("print('one'); print('skip'); print('two', end='')"))
    print(await lines("print('one'); print('stop'); print('three')"))
    print(await both("import sys; print('out'); print('err', file=sys.stderr)"))


asyncio.run(main())
