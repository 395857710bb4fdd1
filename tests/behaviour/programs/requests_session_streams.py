# codemods: replace_requests_with_httpx
# level: unsafe
"""Answers of a session that are entered, and read in pieces."""

import requests


class Reader:
    def __init__(self, base):
        self.base = base
        self.session = requests.Session()

    async def size(self, path):
        count = 0
        response = self.session.get(self.base + path, stream=True)
        for chunk in response.iter_content(4):
            count += len(chunk)
        return count

    async def close(self):
        self.session.close()


async def main(base):
    reader = Reader(base)
    count = await reader.size("/json")
    await reader.close()
    with requests.Session() as session:
        with session.get(base + "/json") as response:
            whole = len(response.content)
        with session.post(base + "/echo", data=b"x", stream=True) as response:
            lines = [bool(line) for line in response.iter_lines()]
        after = session.get(base + "/json").status_code
    return count == whole, lines, after
