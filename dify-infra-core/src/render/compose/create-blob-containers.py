"""Makes the blob containers that are missing; it may run any number of times.

Neither the API nor the plugin daemon makes its container. The request is signed as described in
https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import email.utils
import hashlib
import hmac
import http.client
import os
import sys
import urllib.parse

VERSION = "2021-08-06"


def create(url, account, key, container):
    """Returns the answer's status: 201, or 409 when it exists already."""
    path = f"{url.path}/{container}"
    headers = {"x-ms-date": email.utils.formatdate(usegmt=True), "x-ms-version": VERSION}
    canonical = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    text = "PUT" + 12 * "\n" + canonical + f"/{account}{path}\nrestype:container"
    digest = hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {account}:{base64.b64encode(digest).decode()}"
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
    connection.request("PUT", f"{path}?restype=container", headers=headers)
    return connection.getresponse().status


def main():
    url = urllib.parse.urlsplit(os.environ["BLOB_URL"])
    account, key = os.environ["AZURE_STORAGE_ACCOUNT"], os.environ["AZURE_STORAGE_KEY"]
    for container in os.environ["CONTAINERS"].split():
        status = create(url, account, key, container)
        if status not in (201, 409):
            sys.exit(f"the blob container {container} was not made: status {status}")
        print(f"blob container {container}:", "made" if status == 201 else "there already")


main()
