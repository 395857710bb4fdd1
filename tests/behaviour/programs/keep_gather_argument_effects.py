# codemods: gather_sequential_awaits
# level: none
"""Arguments that take something away, or bind a name."""

import asyncio


async def handle(item):
    await asyncio.sleep(0.005)
    if item == "bad":
        raise ValueError(item)
    return item


async def main():
    todo = ["c", "bad", "b", "a"]
    numbers = iter([1, 2, 3])
    first = await handle(todo.pop())
    second = await handle(todo.pop())
    one = await handle(next(numbers))
    two = await handle(next(numbers))
    left = await handle((name := "left"))
    right = await handle(name)
    try:
        third = await handle(todo.pop())
        fourth = await handle(todo.pop())
    except ValueError:
        third = fourth = None
    return first, second, one, two, left, right, third, fourth, todo
