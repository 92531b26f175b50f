"""Looks at the frames that two testees with unusual options send: ws_options.py ADDRESS"""

import sys

from ws_peer import BINARY, CLOSE, CONT, TEXT, Failed, Peer, close_payload

ADDRESS = sys.argv[1]


def masked_frames(peer):
    """Frames with their masks taken off, until one is final."""
    frames = []
    while True:
        first, second = peer.exactly(2)
        assert second & 0x80, "the frame is not masked"
        key, length = peer.exactly(4), second & 0x7F
        payload = bytes(byte ^ key[at % 4] for at, byte in enumerate(peer.exactly(length)))
        frames.append((first, payload))
        if first & 0x80:
            return frames


def ends(peer):
    try:
        peer.more()
    except (EOFError, ConnectionResetError):
        return True
    return False


# Fragments of 10 bytes, masked; a Close with its reason.
peer = Peer(f"ws://{ADDRESS}:8080/")
peer.frame(TEXT, b"0123456789abcdefghijXYZ")
assert masked_frames(peer) == [(TEXT, b"0123456789"), (CONT, b"abcdefghij"), (0x80 | CONT, b"XYZ")]
peer.frame(CLOSE, close_payload(3456, "so long é".encode()))
assert masked_frames(peer) == [(0x80 | CLOSE, close_payload(3456, "so long é".encode()))]
peer.leave()

# Limits of a frame and of a message.
for parts in [[101], [80, 80]]:
    peer = Peer(f"ws://{ADDRESS}:8080/")
    for index, size in enumerate(parts):
        peer.frame(BINARY if index == 0 else CONT, b"x" * size, fin=index + 1 == len(parts))
    ((first, payload),) = masked_frames(peer)
    assert first == 0x80 | CLOSE and payload[:2] == close_payload(1009), (first, payload)
    peer.leave()

# A violation drops the connection.
peer = Peer(f"ws://{ADDRESS}:8081/")
peer.frame(3, b"reserved")
assert ends(peer)
peer.leave()

# Without masks, and with masks that are not applied.
peer = Peer(f"ws://{ADDRESS}:8081/")
peer.sock.sendall(b"\x82\x03abc" + b"\x82\x83\xff\xff\xff\xffdef")
assert [peer.receive(), peer.receive()] == [(BINARY, b"abc"), (BINARY, b"def")]
peer.leave()

# What the server asks of compression.
peer = Peer(f"ws://{ADDRESS}:8081/", "permessage-deflate; client_max_window_bits")
assert peer.agreed == {
    "server_no_context_takeover": "",
    "client_no_context_takeover": "",
    "server_max_window_bits": "9",
    "client_max_window_bits": "10",
}, peer.agreed
peer.leave()
peer = Peer(f"ws://{ADDRESS}:8081/", "permessage-deflate; server_max_window_bits=8")
assert peer.agreed is None
try:
    Peer(f"ws://{ADDRESS}:8081/", "unknown-extension").leave()
except Failed as reason:
    sys.exit(str(reason))

# A compressed message that grows beyond the limit: dropped, here.
peer = Peer(f"ws://{ADDRESS}:8081/", "permessage-deflate")
key = b"\0\0\0\0"


def raw_compressed(payload):
    import zlib

    deflater = zlib.compressobj(wbits=-15)
    data = deflater.compress(payload) + deflater.flush(zlib.Z_SYNC_FLUSH)
    data = data[:-4]
    head = bytes([0xC2, 0x80 | len(data)]) if len(data) < 126 else bytes([0xC2, 0xFE]) + len(data).to_bytes(2, "big")
    peer.sock.sendall(head + key + data)


raw_compressed(b"z" * 20000)
assert peer.receive() == (BINARY, b"z" * 20000)
raw_compressed(b"z" * 20001)
assert ends(peer)
peer.leave()
print("ok")
