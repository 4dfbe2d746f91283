"""Takes PUT of a blob container with a right Shared Key signature, as blob storage does.

The signature is computed from the request as it arrived, by the rules of
https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
"""

import base64
import hashlib
import hmac
import http.server
import os
import urllib.parse

account, key = os.environ["AZURITE_ACCOUNTS"].split(":", 1)
containers = set()
STANDARD = [
    "Content-Encoding", "Content-Language", "Content-Length", "Content-MD5", "Content-Type",
    "Date", "If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range",
]


class Handler(http.server.BaseHTTPRequestHandler):
    def expected(self, url):
        lines = [self.command]
        for header in STANDARD:
            value = self.headers.get(header, "")
            lines.append("" if header == "Content-Length" and value == "0" else value)
        own = sorted((k.lower(), v) for k, v in self.headers.items() if k.lower().startswith("x-ms-"))
        lines += [f"{k}:{v}" for k, v in own]
        lines.append(f"/{account}{url.path}")
        lines += [f"{k}:{v}" for k, v in sorted(urllib.parse.parse_qsl(url.query))]
        text = "\n".join(lines).encode()
        digest = hmac.new(base64.b64decode(key), text, hashlib.sha256).digest()
        return f"SharedKey {account}:{base64.b64encode(digest).decode()}"

    def answer(self, status, text=""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_PUT(self):
        url = urllib.parse.urlsplit(self.path)
        if self.headers.get("Authorization") != self.expected(url):
            return self.answer(403)
        parts = url.path.split("/")
        if parts[:2] != ["", account] or len(parts) != 3 or url.query != "restype=container":
            return self.answer(400)
        if parts[2] in containers:
            return self.answer(409)
        containers.add(parts[2])
        return self.answer(201)

    def do_GET(self):
        self.answer(200, " ".join(sorted(containers)))

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("0.0.0.0", 10000), Handler).serve_forever()
