"""A client of HTTP/2 that makes a server wait: h2_stalls.py ADDRESS PORT HOW PATH.

window  asks 100 times for PATH with windows of 0; waits until all streams are reset
head    begins a head that never ends; waits until the connection is closed
body    begins content that never goes on; prints the status of the answer
frame   sends half of a frame; waits until the connection is closed
silent  asks for nothing; waits until the connection is closed
idle    asks once, then waits until the connection is closed
"""

import socket
import struct
import sys

import h2.config
import h2.connection
import h2.events
import h2.settings

ADDRESS, PORT, HOW, PATH = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
sock = socket.create_connection((ADDRESS, PORT), 30)
if HOW == "window":
    connection.local_settings = h2.settings.Settings(initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
connection.initiate_connection()
sock.sendall(connection.data_to_send())
head = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", PATH)]


def events():
    data = sock.recv(65536)
    if not data:
        return None
    found = connection.receive_data(data)
    sock.sendall(connection.data_to_send())
    return found


def until_closed():
    while sock.recv(65536):
        pass


if HOW == "window":
    for number in range(100):
        connection.send_headers(2 * number + 1, head, end_stream=True)
    sock.sendall(connection.data_to_send())
    reset, answered = 0, 0
    while reset < 100:
        for event in events():
            reset += isinstance(event, h2.events.StreamReset)
            answered += isinstance(event, h2.events.ResponseReceived)
    assert answered == 100, answered
elif HOW == "head":
    # HEADERS without END_HEADERS, and one CONTINUATION that isn't the last either.
    sock.sendall(struct.pack("!IBI", 1 << 8 | 1, 0, 1)[0:5] + struct.pack("!I", 1) + b"\x82")
    sock.sendall(b"\0\0\1\x09\0" + struct.pack("!I", 1) + b"\x86")
    until_closed()
elif HOW == "frame":
    sock.sendall(b"\0\0\x08\x06\0\0\0\0\0" + b"1234")
    until_closed()
elif HOW == "idle":
    connection.send_headers(1, head, end_stream=True)
    sock.sendall(connection.data_to_send())
    until_closed()
elif HOW == "silent":
    until_closed()
else:
    head[0] = (":method", "POST")
    connection.send_headers(1, [*head, ("content-length", "10")])
    connection.send_data(1, b"123")
    sock.sendall(connection.data_to_send())
    status = None
    while status is None:
        for event in events():
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers)[":status"]
    print(status)
sock.close()
print("ok")
