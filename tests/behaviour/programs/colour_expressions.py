# codemods: color_call_graph
# level: any
"""Every place in an expression where a call can stand: the await must bind as the call did, and effects keep their order."""

import time

effects = []


class Node:
    def __init__(self, number):
        self.number = number

    def late(self):
        time.sleep(0.001)
        return self.number


def note(value):
    effects.append(value)
    return value


def slow(value=1):
    time.sleep(0.001)
    effects.append(("slow", value))
    return value


def items(*args, **kwargs):
    time.sleep(0.001)
    return [*args, *kwargs.values()]


def statements():
    first = second = slow(2)
    first += slow()
    table = {1: "one", 2: "two"}
    del table[slow()]
    table[slow(5)] = slow(6)
    for item in items(7, 8):
        note(item)
    while slow(len(table)) > 1:
        table.popitem()
    if (walrus := slow(3)) > 2 and not slow(0):
        note(walrus)
    assert slow(), slow()
    head, *rest = items(1, 2, 3)
    try:
        if slow(1):
            return first, second, table, head, rest
    finally:
        slow("finally")


def expressions():
    return [
        (not slow(), -slow(), slow() ** 2, 2 ** slow(3), slow() + slow(2) * slow(3)),
        (slow() < slow(2) < note(3), slow() in [slow(), 2], slow() is None),
        slow(7) if slow(0) else slow(8),
        slow(0) or slow(9),
        items(*items(1), key=slow(6))[slow() :],
        f"{slow(1)!r:>{slow(4)}}|{items(3)[0]:02d}|{'yes' if slow() else 'no'}",
        [each for each in items(1, 2) if slow(each) > 1],
        sum(slow(each) for each in (1, 2)),
        {slow(1): slow(2), **{"k": slow(3)}},
        Node(slow(4)).late(),
        (note("a") + slow("b") * note(2), slow("c")),
        slow(slow(slow(1))),
    ]


async def main():
    return statements(), expressions()
