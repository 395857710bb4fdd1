# codemods: use_async_comprehension
# level: safe
"""`extend` of what each page has."""


async def pages():
    for number in range(3):
        yield [number] * number


async def main():
    items = []
    async for page in pages():
        items.extend(page)
    some: list[int] = []
    async for page in pages():
        if len(page) > 1:
            some.extend(number * 2 for number in page)
    return items, some
