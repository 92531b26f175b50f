"""Autobahn's WebSocket client, and RawSocket, against an echoing universal endpoint, however it is reached.

    everywhere.py tcp HOST PORT | tls HOST PORT CAFILE | unix PATH | socks SOCKSPORT HOST PORT

Prints `ok`.
"""

import asyncio
import os
import socket
import ssl
import struct
import sys

from autobahn.asyncio.websocket import WebSocketClientFactory, WebSocketClientProtocol

MESSAGES = [("text κόσμε".encode(), False), (b"\x00\xff" * 70000, True), (b"", True)]


def exactly(sock, count):
    data = b""
    while len(data) < count:
        more = sock.recv(count - len(data))
        assert more, "the connection has ended"
        data += more
    return data


def through_socks(port, host, host_port):
    """A connection by a SOCKS5 proxy (RFC 1928), which is told the name."""
    sock = socket.create_connection(("127.0.0.1", port), 60)
    name = host.encode()
    sock.sendall(b"\x05\x01\x00\x05\x01\x00\x03" + bytes([len(name)]) + name + struct.pack("!H", host_port))
    answer = exactly(sock, 12)
    assert answer[3] == 0, f"SOCKS reply {answer[3]:#x}"
    return sock


def connect(way, args):
    """The connection, and what TLS is to be on it."""
    if way == "unix":
        sock = socket.socket(socket.AF_UNIX)
        # A path of any length: named from its directory.
        os.chdir(os.path.dirname(args[0]))
        sock.connect(os.path.basename(args[0]))
        return sock, None
    if way == "socks":
        return through_socks(int(args[0]), args[1], int(args[2])), None
    sock = socket.create_connection((args[0], int(args[1])), 60)
    return sock, ssl.create_default_context(cafile=args[2]) if way == "tls" else None


class Client(WebSocketClientProtocol):
    def onOpen(self):
        for payload, binary in MESSAGES:
            self.sendMessage(payload, isBinary=binary)
        self.left = list(MESSAGES)

    def onMessage(self, payload, isBinary):
        expected = self.left.pop(0)
        if (payload, isBinary) != expected:
            self.factory.done.set_exception(AssertionError(f"another echo than {expected[0][:40]}"))
        elif not self.left:
            self.sendClose(1000)

    def onClose(self, wasClean, code, reason):
        if not self.factory.done.done():
            self.factory.done.set_result((wasClean, code, reason))


async def websocket(way, args):
    sock, tls = connect(way, args)
    sock.setblocking(False)
    scheme = "wss" if tls else "ws"
    factory = WebSocketClientFactory(f"{scheme}://localhost/ws")
    factory.protocol = Client
    # A circuit of Tor takes longer than the second that a close may take by default.
    factory.setProtocolOptions(openHandshakeTimeout=30, closeHandshakeTimeout=30)
    loop = asyncio.get_running_loop()
    factory.done = loop.create_future()
    name = {"ssl": tls, "server_hostname": args[0]} if tls else {}
    await loop.create_connection(factory, sock=sock, **name)
    clean, code, reason = await factory.done
    assert clean and code == 1000, (clean, code, reason)


def rawsocket(way, args):
    sock, tls = connect(way, args)
    if tls:
        sock = tls.wrap_socket(sock, server_hostname=args[0])
    sock.settimeout(60)
    sock.sendall(b"\x7f\xf3\x00\x00")
    assert exactly(sock, 4)[:2] == b"\x7f\xf3", "no RawSocket"
    for payload in (b"hello", b"x" * 100_000):
        sock.sendall(struct.pack("!I", len(payload)) + payload)
        assert exactly(sock, 4 + len(payload))[4:] == payload
    sock.close()


way, *args = sys.argv[1:]
asyncio.run(asyncio.wait_for(websocket(way, args), 60))
rawsocket(way, args)
print("ok")
