# codemods: replace_requests_with_httpx
# level: any
"""A pair, and the classes for it."""

import requests
from requests.auth import HTTPBasicAuth, HTTPDigestAuth


async def main(base):
    pair = requests.get(base + "/basic/ada/secret", auth=("ada", "secret"))
    wrong = requests.get(base + "/basic/ada/secret", auth=HTTPBasicAuth("ada", "guess"))
    digest = requests.get(base + "/digest/ada/secret", auth=HTTPDigestAuth("ada", "secret"))
    return pair.text, wrong.status_code, digest.text
