"""A directory that is pebble's, with renewal information (RFC 9773), which pebble as Debian has it does not know: the first
certificate that is asked about had better be renewed at once, all others in some hours.

acme_ari.py DIRECTORY AUTHORITY ADDRESS PORT: prints a line for each question."""

import json
import ssl
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer

directory, authority, address, port = sys.argv[1:]
first = None


def at(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        global first
        if self.path == "/dir":
            context = ssl.create_default_context(cafile=authority)
            with urllib.request.urlopen(directory, context=context) as answer:
                content = json.load(answer)
            content["renewalInfo"] = f"http://{address}:{port}/ari"
        else:
            asked = self.path.rsplit("/", 1)[1]
            first = first or asked
            start, end = (-600, -60) if asked == first else (1200, 1800)
            content = {"suggestedWindow": {"start": at(start), "end": at(end)}}
            print(asked, flush=True)
        content = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Retry-After", "7200")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


server = HTTPServer((address, int(port)), Handler)
print("ready", flush=True)
server.serve_forever()
