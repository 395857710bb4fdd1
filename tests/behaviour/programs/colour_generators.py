# codemods: color_call_graph
# level: any
"""Generators become asynchronous ones where all who read them can wait."""

import time

effects = []


def page(number):
    time.sleep(0.001)
    effects.append(number)
    yield number
    yield number + 1


def pages():
    for number in (10, 20):
        yield from page(number)


def early():
    for number in pages():
        if number == 11:
            break
    else:
        return None
    return number


def held():
    both = page(30)
    found = [number for number in both]
    return found, list(both)


async def main():
    return held(), list(pages()), sorted(pages(), reverse=True), {n: 1 for n in pages()}, sum(n for n in page(1)), early()
