"""A server that says what it was asked: python3 serve.py NAME PORT HEALTH [ADDRESS...]

Paths that begin with /health other than HEALTH do not exist.
"""

import http.server
import json
import sys
import threading


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        known = not self.path.startswith("/health") or self.path == health
        body = {"service": name, "path": self.path, "headers": dict(self.headers)}
        text = json.dumps(body).encode()
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


name, port, health, *addresses = sys.argv[1:]
servers = [
    http.server.ThreadingHTTPServer((address, int(port)), Handler)
    for address in addresses or ["0.0.0.0"]
]
for server in servers[1:]:
    threading.Thread(target=server.serve_forever, daemon=True).start()
servers[0].serve_forever()
