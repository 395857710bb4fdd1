# codemods: offload_blocking_call
# level: unsafe
"""Files that are open while their function waits: lines, rows, parts and documents."""

import asyncio
import csv
import json
import os
import tempfile


async def handle(text) -> str:
    await asyncio.sleep(0)
    return repr(text)


async def lines(name: str) -> list:
    found = []
    with open(name, newline="") as file:
        next(file)
        for line in file:
            if line == "stop\n":
                break
            found.append(await handle(line))
        # What is behind the line is not read.
    return found


async def numbered(name: str):
    with open(name, "rb") as file:
        for number, line in enumerate(file):
            yield number, line


async def rows(name: str) -> list:
    found = []
    with open(name, newline="") as file:
        reader = csv.reader(file)
        head = next(reader)
        for row in reader:
            found.append(await handle((head, row)))
    return found


async def parts(name: str) -> list:
    found = []
    with open(name) as file:
        found.append(await handle(file.readline()))
        while part := file.read(5):
            found.append(await handle(part))
        file.seek(0)
        found.append(await handle(file.read()))
    return found


async def document(name: str) -> str:
    with open(name) as file:
        try:
            return await handle(json.load(file))
        except ValueError as error:
            return await handle(str(error))


def write(name: str, text: str) -> None:
    with open(name, "w", newline="") as file:
        file.write(text)


async def main(name: str) -> list:
    found = [await lines(name), [pair async for pair in numbered(name)], await rows(name), await parts(name)]
    return [*found, await document(name)]


with tempfile.TemporaryDirectory() as folder:
    name = os.path.join(folder, "text")
    write(name, 'a,b\nc,d\r\n"e\nf",g\nstop\nlast')
    for item in asyncio.run(main(name)):
        print(item)
    write(name, json.dumps({"a": [1, 2]}))
    print(asyncio.run(document(name)))
