"""A client of HTTP/2 that says what it is told to say."""

import os
import socket

import h2.config
import h2.connection
import h2.events
import h2.settings

# h2 takes every GOAWAY for the end; streams that are open go on after one that is said in time (RFC 9113, section 6.8).
for state in (h2.connection.ConnectionState.IDLE, h2.connection.ConnectionState.CLIENT_OPEN):
    goaway = (state, h2.connection.ConnectionInputs.RECV_GOAWAY)
    h2.connection.H2ConnectionStateMachine._transitions[goaway] = (None, state)


class Peer:
    """One connection; what has arrived is in `heads`, `received` and `ended`, by stream."""

    def __init__(self, address, port):
        self.authority = f"{address}:{port}"
        self.connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.sock = socket.create_connection((address, port), 30)
        self.connection.initiate_connection()
        self.received, self.heads, self.ended = {}, {}, set()
        self.is_leaving, self.is_closed = False, False

    def pump(self, until):
        """Sends and receives until `until()` holds."""
        while not until():
            self.flush()
            data = self.sock.recv(65536)
            if not data:
                self.is_closed = True
                assert until(), "the connection has ended"
                return
            for event in self.connection.receive_data(data):
                stream = getattr(event, "stream_id", None)
                if isinstance(event, h2.events.ResponseReceived):
                    self.heads[stream] = dict(event.headers)
                elif isinstance(event, h2.events.DataReceived):
                    self.received[stream] = self.received.get(stream, b"") + event.data
                    self.connection.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                    self.ended.add(stream)
                elif isinstance(event, h2.events.ConnectionTerminated):
                    self.is_leaving = True
        self.flush()

    def flush(self):
        self.sock.sendall(self.connection.data_to_send())

    def ask(self, stream, method, path, *more, end=False):
        """Sends the head of a request and waits for that of its answer."""
        head = [(":method", method), (":scheme", "http"), (":authority", self.authority), (":path", path), *more]
        self.connection.send_headers(stream, head, end_stream=end)
        self.pump(lambda: stream in self.heads)
        return self.heads[stream]

    def websocket(self, stream, path, *more):
        """The same for a WebSocket handshake (RFC 8441)."""
        setting = h2.settings.SettingCodes.ENABLE_CONNECT_PROTOCOL
        self.pump(lambda: self.connection.remote_settings.get(setting) == 1)
        if not any(name == "sec-websocket-version" for name, _ in more):
            more = (("sec-websocket-version", "13"), *more)
        return self.ask(stream, "CONNECT", path, (":protocol", "websocket"), *more)

    def echo(self, stream, opcode, payload):
        """Sends a message and waits until it is back."""
        self.send(stream, opcode, payload)
        length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
        expected = bytes([0x80 | opcode]) + length + payload
        self.pump(lambda: len(self.received.get(stream, b"")) >= len(expected))
        assert self.received.pop(stream) == expected

    def send(self, stream, opcode, payload):
        """Sends one masked frame of WebSocket."""
        key = os.urandom(4)
        masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
        self.connection.send_data(stream, bytes([0x80 | opcode]) + length + key + masked)
