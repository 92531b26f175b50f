"""How WebSocket in streams of HTTP/2 lasts, and ends with the node: h2_lasting.py ADDRESS PORT PID PATH...

The server closes connections that are idle; PID is the node's, which is ended.
"""

import os
import signal
import sys

from h2_peer import Peer

address, port, pid, paths = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]
peer = Peer(address, port)
streams = {1 + 2 * at: path for at, path in enumerate(paths)}
for stream, path in streams.items():
    answer = peer.websocket(stream, path)
    assert answer[":status"] == "200", (path, answer)
    peer.echo(stream, 1, b"first")
# Idle connections are closed meanwhile, one after the other; this one isn't.
for _ in range(2):
    idle = Peer(address, port)
    idle.pump(lambda: idle.is_closed)
for stream in streams:
    peer.echo(stream, 1, b"second")
assert not peer.is_leaving
# The node takes nothing new, and what is there goes on until the deadline.
os.kill(pid, signal.SIGTERM)
peer.pump(lambda: peer.is_leaving)
for stream in streams:
    peer.echo(stream, 1, b"third")
peer.pump(lambda: peer.is_closed or peer.ended >= set(streams))
print("ok")
