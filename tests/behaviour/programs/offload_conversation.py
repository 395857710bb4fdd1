# codemods: offload_blocking_call
# level: any
"""A conversation with a server moves to one thread as a whole."""

import http.client
from urllib.parse import urlsplit


async def page(base, path):
    server = urlsplit(base)
    connection = http.client.HTTPConnection(server.hostname, server.port)
    connection.request("GET", path)
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, data


async def main(base):
    return await page(base, "/bytes/3"), (await page(base, "/status/404"))[0]
