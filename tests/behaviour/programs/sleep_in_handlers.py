# codemods: replace_time_sleep
# level: any
"""In handlers and branches of all kinds that a cancellation may pass through."""

import time

effects = []


async def main():
    for number in range(3):
        try:
            effects.append(10 // (number - 1))
        except ZeroDivisionError:
            time.sleep(0.001)
            effects.append("division")
        else:
            time.sleep(0.001)
    else:
        time.sleep(0)
    with open(__file__) as file:
        file.readline()
        time.sleep(0.001)
    return len(effects)
