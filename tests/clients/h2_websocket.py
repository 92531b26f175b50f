"""Speaks WebSocket in a stream of HTTP/2 (RFC 8441), beside an ordinary request: h2_websocket.py ADDRESS PORT PATH"""

import sys

from h2_peer import Peer

PATH = sys.argv[3]
peer = Peer(sys.argv[1], int(sys.argv[2]))
answer = peer.websocket(1, PATH, ("origin", f"http://{peer.authority}"))
assert answer[":status"] == "200", answer
assert "sec-websocket-accept" not in answer, answer
peer.echo(1, 1, b"over HTTP/2")
# An ordinary request has its own stream of the same connection.
answer = peer.ask(3, "GET", PATH, ("accept", "text/html"), end=True)
assert answer[":status"] == "200", answer
peer.pump(lambda: 3 in peer.ended)
for number in range(300):
    peer.echo(1, 2, b"%100d" % number)
for number in range(50):
    peer.echo(1, 2, b"%16000d" % number)
# A handshake that is refused is an answer on its stream alone.
answer = peer.websocket(5, PATH, ("sec-websocket-version", "99"))
assert answer[":status"] == "426", answer
peer.send(1, 8, b"\x03\xe8")
peer.pump(lambda: 1 in peer.ended)
assert peer.received[1] == b"\x88\x02\x03\xe8", peer.received[1]
print("ok")
