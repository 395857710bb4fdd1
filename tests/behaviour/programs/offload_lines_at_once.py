# codemods: offload_blocking_call
# level: safe
"""Lines that one expression reads, all of them, from a file that nothing else has."""

import asyncio
import csv
import os
import tempfile


async def at_once(name: str) -> list:
    return [
        [line.strip() for line in open(name)],
        sum(1 for _ in open(name)),
        {line for line in open(name)} == set(open(name)),
        dict(row[:2] for row in csv.reader(open(name)) if len(row) > 1),
    ]


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "text")
        with open(name, "w", newline="") as file:
            file.write('a,b\nc,d\r\n"e\nf",g\nlast')
            # Closed behind this.
        print(await at_once(name))
        try:
            print(sum(1 for _ in open(os.path.join(folder, "none"))))
        except FileNotFoundError:
            print("none")


asyncio.run(main())
