"""A backend of a reverse proxy, and its client: ws_behind.py URL HOST PORT. The backend chooses a subprotocol, echoes a
message, then sends a masked frame, which no server may."""

import base64
import hashlib
import socket
import struct
import sys
import threading

from ws_peer import CLOSE, PATIENCE, TEXT, Peer

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def backend(listener, told):
    stream, _ = listener.accept()
    stream.settimeout(PATIENCE)
    head = b""
    while b"\r\n\r\n" not in head:
        head += stream.recv(4096)
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    key = next(line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    told.append(fields[b"sec-websocket-protocol"].decode())
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    stream.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n\x81\x02hi"
    )
    stream.sendall(b"\x81\x81\x01\x02\x03\x04" + bytes([ord("x") ^ 1]))
    # Its answer is a Close, masked as a client's.
    frame = b""
    while len(frame) < 8:
        frame += stream.recv(4096)
    code = bytes(a ^ b for a, b in zip(frame[6:8], frame[2:4]))
    told.append((frame[0] & 15, struct.unpack("!H", code)[0]))
    stream.close()


url, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
listener = socket.create_server((host, port))
told = []
thread = threading.Thread(target=backend, args=(listener, told))
thread.start()
peer = Peer(url, protocols="wamp.2.json, chat")
assert peer.protocol == "chat", peer.protocol
peer.expect((TEXT, b"hi"))
opcode, payload = peer.receive()
assert opcode == CLOSE and struct.unpack("!H", payload[:2]) == (1014,), (opcode, payload)
thread.join()
assert told == ["wamp.2.json, chat", (CLOSE, 1002)], told
print("ok")
