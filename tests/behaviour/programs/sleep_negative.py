# codemods: replace_time_sleep
# level: unsafe
# expect: differs
"""A negative pause is an error of one and nothing to the other."""

import time


async def main():
    try:
        time.sleep(-1)
    except ValueError:
        return "negative"
    return "slept"
