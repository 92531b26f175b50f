"""Sends little that becomes much: ws_inflate.py HOST PORT CLIENTS MESSAGES SIZE

Each client sends its messages of so many zeros, compressed, at once, and reads nothing; when all have sent what the server
takes, prints "sent"; then all is read, and what has come back is printed, in bytes of compressed content.
"""

import base64
import os
import select
import socket
import struct
import sys
import zlib

host, port, clients, messages, size = sys.argv[1], *map(int, sys.argv[2:])


def frame(payload):
    head = struct.pack("!BB", 0xC2, 0x80 | 126) + struct.pack("!H", len(payload))
    # A mask of zeros changes nothing.
    return head + bytes(4) + payload


def message():
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    return (compressor.compress(bytes(size)) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def connect():
    stream = socket.create_connection((host, port), timeout=30)
    key = base64.b64encode(os.urandom(16)).decode()
    stream.sendall(
        f"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate; "
        "client_no_context_takeover; server_no_context_takeover\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    assert b"101" in head and b"permessage-deflate" in head, head
    return stream


everything = frame(message()) * messages
streams = [connect() for _ in range(clients)]
left = {stream: memoryview(everything) for stream in streams}
for stream in streams:
    stream.setblocking(False)
while left:
    # Who does not take anything for a second has what it takes.
    _, ready, _ = select.select([], list(left), [], 1)
    if not ready:
        break
    for stream in ready:
        left[stream] = left[stream][stream.send(left[stream]) :]
        if not left[stream]:
            del left[stream]
print("sent", flush=True)
total, open_streams = 0, set(streams)
while open_streams:
    ready, _, _ = select.select(list(open_streams), [], [], 2)
    if not ready:
        break
    for stream in ready:
        try:
            got = stream.recv(1 << 16)
            if stream in left:
                left[stream] = left[stream][stream.send(left[stream]) :]
        except BlockingIOError:
            continue
        except ConnectionError:
            got = b""
        total += len(got)
        if not got:
            open_streams.discard(stream)
print(f"{total} bytes came back, {len(open_streams)} connections are open", flush=True)
