"""Speaks WebSocket in a stream of HTTP/2 (RFC 8441), beside an ordinary request: h2_websocket.py ADDRESS PORT PATH"""

import os
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

ADDRESS, PORT, PATH = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
sock = socket.create_connection((ADDRESS, PORT), 30)
connection.initiate_connection()
received, heads, ended = {}, {}, set()


def pump(until):
    while not until():
        sock.sendall(connection.data_to_send())
        octets = sock.recv(65536)
        assert octets, "the connection has ended"
        for event in connection.receive_data(octets):
            if isinstance(event, h2.events.ResponseReceived):
                heads[event.stream_id] = dict(event.headers)
            elif isinstance(event, h2.events.DataReceived):
                received[event.stream_id] = received.get(event.stream_id, b"") + event.data
                connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                ended.add(event.stream_id)
    sock.sendall(connection.data_to_send())


def head(method, *more):
    return [(":method", method), (":scheme", "http"), (":authority", f"{ADDRESS}:{PORT}"), (":path", PATH), *more]


def frame(opcode, payload):
    key = os.urandom(4)
    masked = bytes(octet ^ key[at % 4] for at, octet in enumerate(payload))
    return bytes([0x80 | opcode, 0x80 | len(payload)]) + key + masked


pump(lambda: connection.remote_settings.get(h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1)
connect = head("CONNECT", (":protocol", "websocket"), ("sec-websocket-version", "13"), ("origin", "http://page.test"))
connection.send_headers(1, connect)
pump(lambda: 1 in heads)
assert heads[1][":status"] == "200", heads[1]
assert "sec-websocket-accept" not in heads[1], heads[1]
connection.send_data(1, frame(1, b"over HTTP/2"))
pump(lambda: len(received.get(1, b"")) >= 13)
assert received.pop(1) == b"\x81\x0bover HTTP/2"
# An ordinary request has its own stream of the same connection.
connection.send_headers(3, head("GET", ("accept", "text/html")), end_stream=True)
pump(lambda: 3 in ended)
assert heads[3][":status"] == "426", heads[3]
for number in range(300):
    connection.send_data(1, frame(2, b"%100d" % number))
    pump(lambda: len(received.get(1, b"")) >= 102)
    assert received.pop(1) == b"\x82\x64" + b"%100d" % number
# A handshake that is refused is an answer on its stream alone.
connection.send_headers(5, head("CONNECT", (":protocol", "websocket"), ("sec-websocket-version", "99")))
pump(lambda: 5 in heads)
assert heads[5][":status"] == "426", heads[5]
connection.send_data(1, frame(8, b"\x03\xe8"))
pump(lambda: 1 in ended)
assert received[1] == b"\x88\x02\x03\xe8", received[1]
print("ok")
