# codemods: offload_blocking_call
# level: safe
"""What `any` and `all` stop early is still stopped there; what is read to its end still is."""

import subprocess
import time

effects = []


def command(code):
    effects.append(code)
    return ["sh", "-c", f"sleep 0.05; exit {code}"]


async def first_failure(codes):
    return any(subprocess.call(command(code)) for code in codes)


async def all_pass(codes):
    return all(
        subprocess.call(command(code)) == expected or expected
        for code, expected in codes
        if code < 5
    )


async def main():
    total = sum(subprocess.call(command(code)) for code in (1, 2))
    stopped = any(subprocess.call(command(code)) == 3 for code in (2, 3, 4))
    kept = ["code", stopped]
    if not all(subprocess.call(command(number)) for number in (1, 0, 1)):
        kept.append("not all")
    answers = [await first_failure(()), await first_failure((0, 7, 8))]
    answers += [await all_pass([(0, 0), (5, 1), (1, 0), (2, 2)]), await all_pass([])]
    try:
        any(subprocess.check_output(command(code)) for code in (0, 9))
    except subprocess.CalledProcessError as error:
        answers.append(error.returncode)
    return total, kept, answers, effects
