"""Asks over HTTP/2 with cookies in fields of their own: h2_cookies.py ADDRESS PORT PATH."""

import sys

from h2_peer import Peer

peer = Peer(sys.argv[1], int(sys.argv[2]))
head = peer.ask(1, "GET", sys.argv[3], ("cookie", "a=1"), ("cookie", "b=2"), ("cookie", "c=3"), end=True)
assert head[":status"] == "200", head
