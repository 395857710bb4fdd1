# codemods: gather_sequential_awaits
# level: none
"""One stream, which one reader at a time may read."""

import asyncio


async def main():
    async def answer(reader, writer):
        name = await reader.readline()
        writer.write(b"200 hello " + name + b"body\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"ada\n")
    status = await reader.readline()
    body = await reader.readline()
    writer.close()
    server.close()
    return status, body
