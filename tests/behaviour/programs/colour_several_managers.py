# codemods: color_call_graph
# level: unsafe
"""Several context managers in one statement: in order, back in order, also where one of them fails or hides the error."""

import time
from contextlib import contextmanager

effects = []


@contextmanager
def slow(name):
    time.sleep(0.001)
    effects.append(f"enter {name}")
    try:
        yield name
    finally:
        time.sleep(0.001)
        effects.append(f"leave {name}")


class Session:
    def __init__(self, name, hides=False):
        self.name = name
        self.hides = hides

    def __enter__(self):
        time.sleep(0.001)
        effects.append(f"open {self.name}")
        if self.name == "broken":
            raise RuntimeError("no session")
        return self

    def __exit__(self, kind, error, trace):
        time.sleep(0.001)
        effects.append(f"close {self.name} {kind and kind.__name__}")
        return self.hides


@contextmanager
def beside(name):
    time.sleep(0.001)
    yield name


class Fast:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        effects.append("fast")


async def main():
    results = []
    with slow("a") as a, Session("b") as b, slow("c"):
        results.append((a, b.name))
    with Session("d", hides=True), slow("e") as e:
        raise ValueError(e)
    try:
        with slow("f"), Session("broken"):
            results.append("never")
    except RuntimeError as error:
        results.append(str(error))
    with Fast(), beside("g") as g:
        results.append(g)
    return results
