"""Says HELLO by RawSocket (JSON), answers a challenge, and prints what comes of it, one message a line.

wamp_raw.py HOST PORT REALM AUTHID METHOD [key=value ...]

secret=TEXT        the ticket, or the seed of the key of cryptosign in hex
ca=FILE            speaks TLS, to localhost
cert=NAME          shows NAME.crt with NAME.key
tls=1.2            not TLS 1.3
binding=NAME       asks for this channel binding
bound=no           signs the bare challenge all the same
times=N            does all this N times on a connection each
"""

import json
import socket
import sys

from nacl.signing import SigningKey
from OpenSSL import SSL

host, port, realm, authid, method = sys.argv[1:6]
given = dict(pair.split("=", 1) for pair in sys.argv[6:])


def dial():
    stream = socket.create_connection((host, int(port)), timeout=20)
    if "ca" not in given:
        return stream
    stream.settimeout(None)
    context = SSL.Context(SSL.TLS_CLIENT_METHOD)
    context.load_verify_locations(given["ca"])
    context.set_verify(SSL.VERIFY_PEER)
    if given.get("tls") == "1.2":
        context.set_max_proto_version(SSL.TLS1_2_VERSION)
    if "cert" in given:
        context.use_certificate_file(given["cert"] + ".crt")
        context.use_privatekey_file(given["cert"] + ".key")
    connection = SSL.Connection(context, stream)
    connection.set_tlsext_host_name(b"localhost")
    connection.set_connect_state()
    connection.do_handshake()
    return connection


def exactly(stream, count):
    got = b""
    while len(got) < count:
        part = stream.recv(count - len(got))
        if not part:
            raise SystemExit("closed")
        got += part
    return got


def send(stream, message):
    data = json.dumps(message).encode()
    stream.sendall(len(data).to_bytes(4, "big") + data)


def receive(stream):
    while True:
        head = exactly(stream, 4)
        data = exactly(stream, int.from_bytes(head[1:], "big"))
        if head[0] == 0:
            return json.loads(data)


def once():
    stream = dial()
    stream.sendall(b"\x7f\xf1\0\0")
    exactly(stream, 4)
    details = {"roles": {"caller": {}}, "authmethods": [method]}
    if authid:
        details["authid"] = authid
    if method == "cryptosign":
        key = SigningKey(bytes.fromhex(given["secret"]))
        extra = {"pubkey": key.verify_key.encode().hex(), "channel_binding": given.get("binding")}
        details["authextra"] = extra
    send(stream, [1, realm, details])
    answer = receive(stream)
    if answer[0] == 4:
        if method == "ticket":
            signature = given["secret"]
        else:
            signed = bytes.fromhex(answer[2]["challenge"])
            if "binding" in given and given.get("bound") != "no":
                channel = stream.export_keying_material(b"EXPORTER-Channel-Binding", 32, b"")
                signed = bytes(a ^ b for a, b in zip(signed, channel))
            signature = key.sign(signed).hex()
        send(stream, [5, signature, {}])
        answer = receive(stream)
    print(json.dumps(answer), flush=True)
    if answer[0] == 2:
        send(stream, [48, 1, {}, "wamp.session.get", [answer[1]]])
        print(json.dumps(receive(stream)), flush=True)
    # Closed before the answer to GOODBYE, it would be a reset.
    stream.close()


for _ in range(int(given.get("times", 1))):
    once()
