"""Sends what no good client sends to a web server, and looks at what it makes of it: http_abuse.py ADDRESS PORT

The server proxies /proxied to a backend that answers with the requests it has seen, one a line.
"""

import socket
import struct
import sys
import time

import h2.config
import h2.connection
import h2.events

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])


def talk(data, chunks=1):
    """What is said until the server closes."""
    with socket.create_connection((ADDRESS, PORT), 30) as sock:
        step = -(-len(data) // chunks)
        try:
            for at in range(0, len(data), step):
                sock.sendall(data[at : at + step])
        except OSError:
            pass
        answer = b""
        try:
            while more := sock.recv(65536):
                answer += more
        except ConnectionResetError:
            pass
        return answer.decode("latin-1")


def status(answer):
    return answer.split(" ", 2)[1] if answer.startswith("HTTP/1.") else "closed"


def expect(what, answer, *allowed):
    if status(answer) not in allowed:
        sys.exit(f"{what}: {answer[:300]!r}, expected {allowed}")


# Requests whose end is not the same for everybody.

POST = b"POST /proxied HTTP/1.1\r\nHost: x\r\n"
for what, head in {
    "two lengths": b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a signed length": b"Content-Length: +5\r\n\r\nhello",
    "a negative length": b"Content-Length: -5\r\n\r\nhello",
    "a length of letters": b"Content-Length: 5a\r\n\r\nhello",
    "a hexadecimal length": b"Content-Length: 0x5\r\n\r\nhello",
    "an endless length": b"Content-Length: 99999999999999999999999\r\n\r\nhello",
    "an unknown coding": b"Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunked not last": b"Transfer-Encoding: chunked, identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "a space before the colon": b"Content-Length : 5\r\n\r\nhello",
    "a folded line": b"X: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "a NUL in a value": b"X: a\0b\r\n\r\n",
    "a CR in a value": b"X: a\rb\r\n\r\n",
    "a name with a space": b"X Y: a\r\n\r\n",
    "no colon": b"nonsense\r\n\r\n",
}.items():
    expect(what, talk(POST + head), "400", "501", "closed")

for what, chunks in {
    "a chunk of letters": b"xyz\r\nhello\r\n0\r\n\r\n",
    "a negative chunk": b"-5\r\nhello\r\n0\r\n\r\n",
    "a chunk with 0x": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk too long for a number": b"fffffffffffffffff1\r\nhello\r\n0\r\n\r\n",
    "a chunk that is longer than it says": b"3\r\nhello\r\n0\r\n\r\n",
}.items():
    expect(what, talk(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks), "400", "502", "closed")

# Length and coding at once: the coding counts, and the backend hears of no length.
smuggled = b"0\r\n\r\nGET /proxied/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
head = b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n" % len(smuggled)
both = talk(POST + head + smuggled.replace(b"Host: x", b"Host: x\r\nConnection: close"))
for part in both.split("HTTP/1.1 ")[1:]:
    assert not ("smuggled" in part and "POST" in part), both

# Hosts.
expect("no host", talk(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"), "400")
expect("two hosts", talk(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n"), "400")
expect("HTTP/1.0 without a host", talk(b"GET / HTTP/1.0\r\n\r\n"), "200")

# Methods and targets.
expect("CONNECT", talk(b"CONNECT proxied:80 HTTP/1.1\r\nHost: proxied:80\r\nConnection: close\r\n\r\n"), "400", "404", "405")
expect("a method of bytes", talk(b"G\x80T / HTTP/1.1\r\nHost: x\r\n\r\n"), "400", "closed")
expect("a path up", talk(b"GET /files/../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "400", "404")
expect("a hidden path up", talk(b"GET /files/%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"), "400", "404")

# Sizes.
expect("a long line", talk(b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"), "414", "431", "400")
expect("a long head", talk(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n"), "431")
many = b"".join(b"X%d: y\r\n" % n for n in range(5000))
expect("many headers", talk(b"GET / HTTP/1.1\r\nHost: x\r\n" + many + b"\r\n"), "431")
expect("a long content", talk(POST + b"Connection: close\r\nContent-Length: 100001\r\n\r\n" + b"x" * 100_001), "413")
chunk = b"186a1\r\n" + b"x" * 100_001 + b"\r\n0\r\n\r\n"
expect("a long content in chunks", talk(POST + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk), "413", "closed")
expect("all that is allowed", talk(POST + b"Content-Length: 100000\r\nConnection: close\r\n\r\n" + b"x" * 100_000), "200")
expect("byte by byte", talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 60), "200")

# HTTP/2


class Two:
    def __init__(self):
        config = h2.config.H2Configuration(header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False)
        self.connection = h2.connection.H2Connection(config)
        self.sock = socket.create_connection((ADDRESS, PORT), 30)
        self.connection.initiate_connection()
        self.flush()
        self.heads, self.reset, self.goaway, self.over = {}, {}, None, False

    def flush(self):
        try:
            self.sock.sendall(self.connection.data_to_send())
        except OSError:
            self.over = True

    def pump(self, until):
        while not self.over and not until():
            try:
                data = self.sock.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                self.over = True
                break
            for event in self.connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    self.heads[event.stream_id] = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.StreamReset):
                    self.reset[event.stream_id] = event.error_code
                elif isinstance(event, h2.events.ConnectionTerminated):
                    self.goaway = event.error_code
            self.flush()

    def ask(self, headers):
        """The status of an answer, "reset", or "goaway"."""
        self.connection.send_headers(1, headers, end_stream=True)
        self.flush()
        self.pump(lambda: 1 in self.heads or 1 in self.reset or self.goaway is not None)
        return self.heads.get(1) or ("reset" if 1 in self.reset else "goaway")


GOOD = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/")]
assert Two().ask(GOOD) == "200"
for what, headers in {
    "a header of the connection": GOOD + [("connection", "close")],
    "a coding": GOOD + [("transfer-encoding", "chunked")],
    "an upper-case name": GOOD + [("X-Upper", "1")],
    "a pseudo header after others": GOOD[:3] + [("x", "1"), GOOD[3]],
    "an unknown pseudo header": GOOD + [(":unknown", "1")],
    "no path": GOOD[:3],
    "two paths": GOOD + [GOOD[3]],
    "an empty path": GOOD[:3] + [(":path", "")],
    "a line break in a value": GOOD + [("x", "a\r\nb: c")],
}.items():
    answer = Two().ask(headers)
    assert answer in ("400", "reset", "goaway"), (what, answer)
answer = Two().ask(GOOD + [("x", "a" * 100_000)])
assert answer in ("431", "reset", "goaway"), answer

# Streams that are reset as soon as they are opened.
two = Two()
for number in range(20_000):
    if two.over:
        break
    stream = 2 * number + 1
    two.connection.send_headers(stream, GOOD, end_stream=True)
    two.connection.reset_stream(stream)
    if number % 50 == 49:
        two.flush()
two.sock.settimeout(30)
try:
    two.pump(lambda: two.goaway is not None)
except Exception:  # the library on our side sees frames of streams it has forgotten
    pass
assert two.over or two.goaway, "a flood of resets is taken"

# A head that never ends.
sock = socket.create_connection((ADDRESS, PORT), 30)
sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
sock.sendall(struct.pack("!I", 5)[1:] + b"\1\1" + struct.pack("!I", 1) + b"\x82\x84\x86\x41\x01")
closed = False
block = b"\0" + b"\x05hello" + b"\x7f\x01" + b"v" * 128
until = time.monotonic() + 30
try:
    while time.monotonic() < until:
        sock.sendall(struct.pack("!I", len(block))[1:] + b"\x09\0" + struct.pack("!I", 1) + block)
except OSError:
    closed = True
assert closed, "a head without end is taken"

assert status(talk(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) == "200"
print("ok")
