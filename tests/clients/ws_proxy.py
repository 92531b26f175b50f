"""Looks at how connections through a reverse proxy end: ws_proxy.py URL PID; PID is the backend's, which is ended."""

import os
import signal
import sys

from ws_peer import CLOSE, TEXT, Peer, close_payload

peer = Peer(sys.argv[1])
peer.message(TEXT, b"there and back")
peer.expect((TEXT, b"there and back"))
peer.finish(3001)
peer.leave()
# The backend is killed: the client is told by a Close all the same.
peer = Peer(sys.argv[1])
peer.message(TEXT, b"once more")
peer.expect((TEXT, b"once more"))
os.kill(int(sys.argv[2]), signal.SIGKILL)
opcode, payload = peer.receive()
assert opcode == CLOSE and payload[:2] in (close_payload(1012), close_payload(1014)), (opcode, payload)
peer.leave()
print("ok")
