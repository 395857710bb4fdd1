# codemods: replace_requests_with_httpx
# level: any
"""In comprehensions, in an f-string, as an argument."""

import requests


async def main(base):
    sizes = [len(requests.get(f"{base}/bytes/{n}").content) for n in (1, 2, 3)]
    codes = {n: requests.get(f"{base}/status/{n}").status_code for n in (201, 202)}
    text = f"{requests.get(base + '/status/203').status_code}"
    return sizes, codes, text, max(len(requests.get(base + "/bytes/9").content), 5)
