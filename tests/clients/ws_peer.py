"""A WebSocket client that sends any bytes, good and bad, and says what comes back."""

import base64
import os
import socket
import ssl
import struct
import zlib
from urllib.parse import urlsplit

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
TAIL = b"\x00\x00\xff\xff"
PATIENCE = 30


class Failed(Exception):
    pass


def close_payload(code, reason=b""):
    return struct.pack("!H", code) + reason


class Peer:
    def __init__(self, url, offer=None, protocols=None):
        parts = urlsplit(url)
        self.sock = socket.create_connection((parts.hostname, parts.port), PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if parts.scheme == "wss":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self.sock = context.wrap_socket(self.sock, server_hostname=parts.hostname)
        self.sock.settimeout(PATIENCE)
        self.unread = b""
        lines = [
            f"GET {parts.path or '/'} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
        ]
        if offer:
            lines.append(f"Sec-WebSocket-Extensions: {offer}")
        if protocols:
            lines.append(f"Sec-WebSocket-Protocol: {protocols}")
        self.sock.sendall("\r\n".join(lines + ["", ""]).encode())
        while b"\r\n\r\n" not in self.unread:
            self.more()
        head, self.unread = self.unread.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        if "101" not in lines[0]:
            raise Failed(f"handshake: {lines[0]}")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        self.protocol = headers.get("sec-websocket-protocol")
        self.agreed = self.parse(headers.get("sec-websocket-extensions"))
        if self.agreed is not None:
            bits = int(self.agreed.get("client_max_window_bits", 15))
            self.window = max(bits, 9)
            self.deflater = self.inflater = None

    @staticmethod
    def parse(extension):
        if extension is None:
            return None
        name, *params = [part.strip() for part in extension.split(";")]
        if name != "permessage-deflate":
            raise Failed(f"extension {name}")
        return dict((part + "=").split("=")[:2] for part in params)

    def more(self):
        data = self.sock.recv(1 << 18)
        if not data:
            raise EOFError
        self.unread += data

    def exactly(self, count):
        while len(self.unread) < count:
            self.more()
        data, self.unread = self.unread[:count], self.unread[count:]
        return data

    # Sending

    def frame(self, opcode, payload=b"", fin=True, rsv=0, chop=0):
        mask = os.urandom(4)
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        if len(payload) < 126:
            head = struct.pack("!BB", first, 0x80 | len(payload))
        elif len(payload) < 65536:
            head = struct.pack("!BBH", first, 0x80 | 126, len(payload))
        else:
            head = struct.pack("!BBQ", first, 0x80 | 127, len(payload))
        key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
        masked = (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
        data = head + mask + masked
        try:
            for at in range(0, len(data), chop or max(len(data), 1)):
                self.sock.sendall(data[at : at + (chop or len(data))])
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has closed: what it said before is looked at

    def message(self, opcode, payload, size=0, chop=0, rsv=0):
        parts = [payload[at : at + size] for at in range(0, len(payload), size)] if size and payload else [payload]
        for index, part in enumerate(parts):
            first = index == 0
            self.frame(opcode if first else CONT, part, index + 1 == len(parts), rsv if first else 0, chop)

    def compressed(self, opcode, payload, size=0):
        if self.deflater is None or "client_no_context_takeover" in self.agreed:
            self.deflater = zlib.compressobj(wbits=-self.window)
        data = self.deflater.compress(payload) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
        self.message(opcode, data[: -len(TAIL)], size, rsv=4)

    # Receiving

    def receive_frame(self):
        first, second = self.exactly(2)
        if second & 0x80:
            raise Failed("a masked frame from a server")
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", self.exactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", self.exactly(8))
        return first >> 7 & 1, first >> 4 & 7, first & 15, self.exactly(length)

    def receive(self):
        """The next message or control frame: opcode and payload; ("end", b"") at the end of the connection."""
        try:
            fin, rsv, opcode, payload = self.receive_frame()
            while not fin:
                fin, more, cont, part = self.receive_frame()
                if cont != CONT or more:
                    raise Failed("a fragment that is none")
                payload += part
        except (EOFError, ConnectionResetError, ssl.SSLEOFError):
            return "end", b""
        if rsv == 4 and self.agreed is not None:
            if self.inflater is None or "server_no_context_takeover" in self.agreed:
                self.inflater = zlib.decompressobj(wbits=-int(self.agreed.get("server_max_window_bits", 15)))
            payload = self.inflater.decompress(payload + TAIL)
        elif rsv:
            raise Failed(f"reserved bits {rsv}")
        return opcode, payload

    def expect(self, *events):
        for event in events:
            found = self.receive()
            if found != event:
                raise Failed(f"received {shown(found)}, expected {shown(event)}")

    def expect_failure(self, *codes):
        """A Close with one of these codes, then the end; what came before it is passed over."""
        while True:
            opcode, payload = self.receive()
            if opcode == "end":
                raise Failed("the connection ended without a Close")
            if opcode == CLOSE:
                code = struct.unpack("!H", payload[:2])[0] if payload else None
                if code not in codes:
                    raise Failed(f"closed with {code}, expected {codes}")
                return self.expect(("end", b""))

    def finish(self, code=1000):
        self.frame(CLOSE, close_payload(code))
        self.expect((CLOSE, close_payload(1000)), ("end", b""))

    def leave(self):
        self.sock.close()


def shown(event):
    opcode, payload = event
    return f"{opcode} with {len(payload)} bytes {payload[:60]!r}"
