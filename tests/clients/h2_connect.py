"""Asks for WebSocket by HTTP/2 and prints the head of the answer: h2_connect.py ADDRESS PORT PATH [NAME: VALUE]..."""

import sys

from h2_peer import Peer

fields = [tuple(part.strip() for part in field.split(": ", 1)) for field in sys.argv[4:]]
for name, value in Peer(sys.argv[1], int(sys.argv[2])).websocket(1, sys.argv[3], *fields).items():
    print(f"{name}: {value}")
