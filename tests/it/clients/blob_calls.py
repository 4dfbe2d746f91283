"""The same calls to a blob service, and what it answers to each, as JSON: one line a call.

Usage: blob_calls.py BASE ACCOUNT KEY, with BASE such as http://127.0.0.1:10000. Nothing but Python's
own library is used, so that no client hides what was answered.
"""

import base64
import datetime
import hashlib
import hmac
import http.client
import json
import re
import sys
import urllib.parse

BASE, ACCOUNT, KEY = sys.argv[1:4]
HOST = urllib.parse.urlsplit(BASE)
ONE = "11111111-1111-4111-8111-111111111111"
TWO = "22222222-2222-4222-8222-222222222222"
# Headers that two services must agree on; of some only that they are there.
COMPARED = [
    "content-type", "content-range", "content-length", "x-ms-error-code", "x-ms-lease-id", "x-ms-lease-state",
    "x-ms-lease-status", "x-ms-lease-duration", "x-ms-lease-time", "x-ms-blob-type", "x-ms-meta-owner",
    "content-encoding", "cache-control", "x-ms-blob-public-access",
]
PRESENT = ["etag", "last-modified"]
tags = {}


def sign(method, path, query, headers, body, key):
    length = str(len(body)) if body else ""
    order = ["content-encoding", "content-language", None, "content-md5", "content-type", "date",
             "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"]
    lines = [method] + [length if name is None else headers.get(name, "") for name in order]
    lines += sorted(f"{name}:{value}" for name, value in headers.items() if name.startswith("x-ms-"))
    lines.append(f"/{ACCOUNT}/{ACCOUNT}{path}")
    lines += sorted(f"{name.lower()}:{value}" for name, value in query.items())
    digest = hmac.new(base64.b64decode(key), "\n".join(lines).encode(), hashlib.sha256).digest()
    return f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"


def essence(body):
    """What of an XML answer two services must agree on."""
    text = body.decode("utf-8", "replace")
    if not text.lstrip("\ufeff").startswith("<?xml"):
        return text
    names = ["Code", "Name", "Content-Length", "Content-Type", "BlobType", "LeaseState", "LeaseStatus", "Size",
             "NextMarker", "owner"]
    found = re.findall(rf"<({'|'.join(names)})>([^<]*)<", text)
    return [list(pair) for pair in found if pair[0] != "NextMarker" or pair[1]]


def call(name, method, path, query=None, headers=None, body=b"", key=KEY, signed=True):
    query, headers = dict(query or {}), {k.lower(): v for k, v in (headers or {}).items()}
    headers = {k: tags.get(v[4:], v) if v.startswith("tag:") else v for k, v in headers.items()}
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers |= {"x-ms-date": now, "x-ms-version": "2021-12-02"}
    if signed:
        headers["authorization"] = sign(method, path, query, headers, body, key)
    if method == "PUT":
        headers["content-length"] = str(len(body))
    address = f"/{ACCOUNT}{path}"
    if query:
        address += "?" + urllib.parse.urlencode(query, quote_via=urllib.parse.quote)
    connection = http.client.HTTPConnection(HOST.hostname, HOST.port, timeout=20)
    connection.request(method, address, body=body or None, headers=headers)
    answer = connection.getresponse()
    content = answer.read()
    given = {k.lower(): v for k, v in answer.getheaders()}
    if "etag" in given:
        tags[path] = given["etag"]
    compared = {name: given[name] for name in COMPARED if name in given}
    if method != "HEAD":
        compared.pop("content-length", None)
    if not content:
        compared.pop("content-type", None)
    compared["content-type"] = compared.get("content-type", "").split(";")[0]
    print(json.dumps({
        "call": name,
        "status": answer.status,
        "headers": compared,
        "present": [name for name in PRESENT if name in given and answer.status < 300],
        "body": essence(content),
    }))
    connection.close()


C, B = "/dify", "/dify/folder/a.txt"
container, lease = {"restype": "container"}, {"comp": "lease"}
block = {"x-ms-blob-type": "BlockBlob"}


def containers():
    call("a container that is not there", "GET", C, container)
    call("a container is made", "PUT", C, container, {"x-ms-meta-owner": "dify"})
    call("a container is made twice", "PUT", C, container)
    call("a container's properties", "GET", C, container)
    call("a container's properties by HEAD", "HEAD", C, container)
    call("a container's metadata is replaced", "PUT", C, container | {"comp": "metadata"}, {"x-ms-meta-owner": "me"})
    call("a container's metadata", "GET", C, container | {"comp": "metadata"})
    call("a wrong key", "GET", C, container, key=base64.b64encode(b"wrong").decode())
    call("the containers", "GET", "/", {"comp": "list"})
    call("containers with a prefix nothing has", "GET", "/", {"comp": "list", "prefix": "zzz"})


def blobs():
    call("a blob that is not there", "GET", B)
    call("a blob that is not there by HEAD", "HEAD", B)
    call("a blob without a type", "PUT", B, {}, {}, b"text")
    call("a blob in no container", "PUT", "/nowhere/a", {}, block, b"text")
    call("a blob is put", "PUT", B, {}, block | {"content-type": "text/plain", "x-ms-meta-owner": "dify"}, b"0123456789")
    call("a blob is read", "GET", B)
    call("a blob's head", "HEAD", B)
    call("a range", "GET", B, {}, {"x-ms-range": "bytes=2-4"})
    call("an open range", "GET", B, {}, {"x-ms-range": "bytes=7-"})
    call("a range that goes on too long", "GET", B, {}, {"x-ms-range": "bytes=8-99"})
    call("a range behind the end", "GET", B, {}, {"x-ms-range": "bytes=50-60"})
    call("headers are set", "PUT", B, {"comp": "properties"},
         {"x-ms-blob-content-type": "application/json", "x-ms-blob-cache-control": "no-cache"})
    call("headers that were set", "HEAD", B)
    call("metadata is set", "PUT", B, {"comp": "metadata"}, {"x-ms-meta-owner": "me"})
    call("metadata that was set", "GET", B, {"comp": "metadata"})
    call("an empty blob", "PUT", "/dify/empty", {}, block)
    call("an empty blob is read", "GET", "/dify/empty")
    call("a blob is written over", "PUT", "/dify/empty", {}, block, b"no more")


def conditions():
    call("a read of what has not changed", "GET", B, {}, {"if-none-match": "tag:" + B})
    call("a read of this version", "GET", B, {}, {"if-match": "tag:" + B})
    call("a read of another version", "GET", B, {}, {"if-match": '"0x1"'})
    call("a write over another version", "PUT", B, {}, block | {"if-match": '"0x1"'}, b"x")
    call("a write that must be the first", "PUT", B, {}, block | {"if-none-match": "*"}, b"x")
    call("a write that is the first", "PUT", "/dify/first", {}, block | {"if-none-match": "*"}, b"x")
    call("a write over this version", "PUT", B, {}, block | {"if-match": "tag:" + B}, b"abc")
    call("a delete of another version", "DELETE", B, {}, {"if-match": '"0x1"'})
    call("a write to nothing with a version", "PUT", "/dify/none", {}, block | {"if-match": '"0x1"'}, b"x")


def leases(path, query, prefix):
    take = {"x-ms-lease-action": "acquire", "x-ms-lease-duration": "-1", "x-ms-proposed-lease-id": ONE}
    call(f"{prefix}: renew without a lease", "PUT", path, query, {"x-ms-lease-action": "renew", "x-ms-lease-id": ONE})
    call(f"{prefix}: break without a lease", "PUT", path, query, {"x-ms-lease-action": "break"})
    call(f"{prefix}: a duration that is too short", "PUT", path, query, take | {"x-ms-lease-duration": "5"})
    call(f"{prefix}: acquire", "PUT", path, query, take)
    call(f"{prefix}: acquire again with the same id", "PUT", path, query, take)
    call(f"{prefix}: acquire by another", "PUT", path, query, take | {"x-ms-proposed-lease-id": TWO})
    call(f"{prefix}: renew", "PUT", path, query, {"x-ms-lease-action": "renew", "x-ms-lease-id": ONE})
    call(f"{prefix}: renew by another", "PUT", path, query, {"x-ms-lease-action": "renew", "x-ms-lease-id": TWO})
    call(f"{prefix}: change", "PUT", path, query,
         {"x-ms-lease-action": "change", "x-ms-lease-id": ONE, "x-ms-proposed-lease-id": TWO})
    call(f"{prefix}: release by another", "PUT", path, query, {"x-ms-lease-action": "release", "x-ms-lease-id": ONE})
    call(f"{prefix}: release", "PUT", path, query, {"x-ms-lease-action": "release", "x-ms-lease-id": TWO})
    call(f"{prefix}: acquire for a time", "PUT", path, query, take | {"x-ms-lease-duration": "30"})


def leased():
    leases(B, lease, "blob")
    call("a leased blob's head", "HEAD", B)
    call("a write without the lease", "PUT", B, {}, block, b"x")
    call("a write with another lease", "PUT", B, {}, block | {"x-ms-lease-id": TWO}, b"x")
    call("a write with the lease", "PUT", B, {}, block | {"x-ms-lease-id": ONE}, b"leased")
    call("a read with another lease", "GET", B, {}, {"x-ms-lease-id": TWO})
    call("a write with a lease where none is", "PUT", "/dify/first", {}, block | {"x-ms-lease-id": ONE}, b"x")
    call("a delete without the lease", "DELETE", B)
    call("break at once", "PUT", B, lease, {"x-ms-lease-action": "break", "x-ms-lease-break-period": "0"})
    call("renew a broken lease", "PUT", B, lease, {"x-ms-lease-action": "renew", "x-ms-lease-id": ONE})
    call("a broken lease's head", "HEAD", B)
    call("a write after the break", "PUT", B, {}, block, b"free")
    leases(C, container | lease, "container")
    call("a leased container's properties", "GET", C, container)
    call("a container is deleted without its lease", "DELETE", C, container)
    call("container: release at last", "PUT", C, container | lease, {"x-ms-lease-action": "release", "x-ms-lease-id": ONE})


def blocks():
    path = "/dify/blocks"
    ids = [base64.b64encode(f"block{n}".encode()).decode() for n in range(3)]
    for number, one in enumerate(ids):
        call(f"block {number}", "PUT", path, {"comp": "block", "blockid": one}, {}, f"part{number};".encode())
    call("blocks that nobody committed", "GET", path, {"comp": "blocklist", "blocklisttype": "uncommitted"})
    call("a blob of blocks alone is not there", "GET", path)

    def commit(name, chosen, kind="Latest"):
        items = "".join(f"<{kind}>{one}</{kind}>" for one in chosen)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{items}</BlockList>'.encode()
        call(name, "PUT", path, {"comp": "blocklist"}, {"x-ms-blob-content-type": "text/plain"}, body)

    commit("two blocks are committed", ids[:2])
    call("a blob of blocks", "GET", path)
    call("its blocks", "GET", path, {"comp": "blocklist", "blocklisttype": "all"})
    commit("a block that is not there", [base64.b64encode(b"block9").decode()])
    commit("a committed block is kept", ids[1:2], "Committed")
    call("what is left of it", "GET", path)


def lists():
    for name in ["b/1", "b/2", "c d"]:
        call(f"put {name}", "PUT", "/dify/" + urllib.parse.quote(name), {}, block, name.encode())
    whole = container | {"comp": "list"}
    call("all blobs", "GET", C, whole)
    call("blobs by folder", "GET", C, whole | {"delimiter": "/"})
    call("blobs of a folder", "GET", C, whole | {"delimiter": "/", "prefix": "b/"})
    call("the first blob alone", "GET", C, whole | {"maxresults": "1", "prefix": "zz"})
    call("blobs with metadata", "GET", C, whole | {"include": "metadata", "prefix": "folder/"})
    call("a list of no container", "GET", "/nowhere", whole)


def ends():
    call("a blob is deleted", "DELETE", B)
    call("a blob is deleted twice", "DELETE", B)
    call("a container is deleted", "DELETE", C, container)
    call("a container is deleted twice", "DELETE", C, container)


for part in [containers, blobs, conditions, leased, blocks, lists, ends]:
    part()
