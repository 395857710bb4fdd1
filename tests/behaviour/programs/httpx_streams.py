# codemods: replace_sync_httpx_client
# level: safe
"""Streams that are read in pieces, or at once."""

import httpx


async def main(base):
    pieces = []
    with httpx.stream("GET", f"{base}/json") as response:
        for piece in response.iter_bytes():
            pieces.append(piece)
    with httpx.Client(timeout=None) as client:
        with client.stream("GET", f"{base}/json") as response:
            response.read()
            text = response.text
        with client.stream("GET", f"{base}/json") as response:
            lines = 0
            for line in response.iter_lines():
                lines += 1
    return b"".join(pieces), text, lines
