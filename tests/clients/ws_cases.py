"""Talks to an echoing WebSocket endpoint the way the well-known conformance suite does, whose numbers the cases have.

    ws_cases.py URL [full] [proxied]

Prints a line for each case that failed, and the number of cases. `full` takes the long ones at their full length.
`proxied` leaves out those in which a client breaks the rules while the echo of what it said before is still on its way
from a server behind: the connection is closed at once then.
"""

import sys

from ws_peer import BINARY, CLOSE, CONT, PING, PONG, TEXT, Failed, Peer, close_payload

URL = sys.argv[1]
FULL = "full" in sys.argv[2:]
LEFT_OUT = ("3.2", "3.3", "3.4", "5.15") if "proxied" in sys.argv[2:] else ()
CASES = []


def case(number):
    def add(run):
        CASES.append((number, run))

    return add


def echo(opcode, payload, **how):
    def run(peer):
        peer.message(opcode, payload, **how)
        peer.expect((opcode, payload))
        peer.finish()

    return run


def fails(*codes, send):
    def run(peer):
        send(peer)
        peer.expect_failure(*codes)

    return run


# 1: framing

for index, (size, chop) in enumerate([(0, 0), (125, 0), (126, 0), (127, 0), (128, 0), (65535, 0), (65536, 0), (65536, 997)], 1):
    case(f"1.1.{index}")(echo(TEXT, b"*" * size, chop=chop))
    case(f"1.2.{index}")(echo(BINARY, b"\xfe" * size, chop=chop))

# 2: pings and pongs

for number, payload, chop in [
    ("2.1", b"", 0),
    ("2.2", b"Hello, world!", 0),
    ("2.3", bytes([0x00, 0xFF, 0xFE, 0xFD, 0xFC, 0xFB, 0x00, 0xFF]), 0),
    ("2.4", b"\xfe" * 125, 0),
    ("2.6", b"\xfe" * 125, 1),
]:

    @case(number)
    def run(peer, payload=payload, chop=chop):
        peer.frame(PING, payload, chop=chop)
        peer.expect((PONG, payload))
        peer.finish()


case("2.5")(fails(1002, send=lambda peer: peer.frame(PING, b"\xfe" * 126)))

for number, payload in [("2.7", b""), ("2.8", b"unsolicited pong payload")]:

    @case(number)
    def run(peer, payload=payload):
        peer.frame(PONG, payload)
        peer.finish()


@case("2.9")
def run(peer):
    peer.frame(PONG, b"unsolicited pong payload")
    peer.frame(PING, b"ping payload")
    peer.expect((PONG, b"ping payload"))
    peer.finish()


for number, chop in [("2.10", 0), ("2.11", 1)]:

    @case(number)
    def run(peer, chop=chop):
        payloads = [f"payload-{n}".encode() for n in range(10)]
        for payload in payloads:
            peer.frame(PING, payload, chop=chop)
        peer.expect(*[(PONG, payload) for payload in payloads])
        peer.finish()


# 3: reserved bits

case("3.1")(fails(1002, send=lambda peer: peer.frame(TEXT, b"Hello, world!", rsv=1)))
for number, rsv, chop in [("3.2", 2, 0), ("3.3", 3, 0), ("3.4", 4, 1)]:

    @case(number)
    def run(peer, rsv=rsv, chop=chop):
        peer.frame(TEXT, b"Hello, world!", chop=chop)
        peer.frame(TEXT, b"Hello, world!", rsv=rsv, chop=chop)
        peer.frame(PING, chop=chop)
        peer.expect((TEXT, b"Hello, world!"))
        peer.expect_failure(1002)


for number, opcode, rsv in [("3.5", BINARY, 5), ("3.6", PING, 6), ("3.7", CLOSE, 7)]:
    case(number)(fails(1002, send=lambda peer, opcode=opcode, rsv=rsv: peer.frame(opcode, b"\x00\xff" * 4, rsv=rsv)))

# 4: reserved opcodes

for group, opcodes in [(1, range(3, 8)), (2, range(11, 16))]:
    for index, opcode in enumerate(opcodes, 1):

        @case(f"4.{group}.{index}")
        def run(peer, opcode=opcode, index=index):
            if index > 2:
                peer.frame(TEXT, b"Hello, world!")
                peer.expect((TEXT, b"Hello, world!"))
            peer.frame(opcode, b"reserved" if index % 2 == 0 else b"")
            peer.frame(PING)
            peer.expect_failure(1002)


# 5: fragments

for number, opcode in [("5.1", PING), ("5.2", PONG)]:

    @case(number)
    def run(peer, opcode=opcode):
        peer.frame(opcode, b"fragment1", fin=False)
        peer.frame(CONT, b"fragment2")
        peer.expect_failure(1002)


for number, chop in [("5.3", 0), ("5.4", 9), ("5.5", 1)]:
    case(number)(echo(TEXT, b"fragment1fragment2", size=9, chop=chop))

for number, chop in [("5.6", 0), ("5.7", 9), ("5.8", 1)]:

    @case(number)
    def run(peer, chop=chop):
        peer.frame(TEXT, b"fragment1", fin=False, chop=chop)
        peer.frame(PING, b"ping payload", chop=chop)
        peer.frame(CONT, b"fragment2", chop=chop)
        peer.expect((PONG, b"ping payload"), (TEXT, b"fragment1fragment2"))
        peer.finish()


for index, (fin, chop) in enumerate([(True, 0), (True, 20), (True, 1), (False, 0), (False, 20), (False, 1)], 9):

    @case(f"5.{index}")
    def run(peer, fin=fin, chop=chop):
        peer.frame(CONT, b"non-continuation payload", fin=fin, chop=chop)
        peer.frame(TEXT, b"Hello, world!", chop=chop)
        peer.expect_failure(1002)


@case("5.15")
def run(peer):
    peer.message(TEXT, b"fragment1fragment2", size=9)
    peer.frame(CONT, b"fragment3", fin=False)
    peer.frame(TEXT, b"fragment4")
    peer.expect((TEXT, b"fragment1fragment2"))
    peer.expect_failure(1002)


for number, fin in [("5.16", False), ("5.17", True)]:

    @case(number)
    def run(peer, fin=fin):
        for _ in range(2):
            peer.frame(CONT, b"fragment1", fin=fin)
            peer.frame(TEXT, b"fragment2", fin=False)
            peer.frame(CONT, b"fragment3")
        peer.expect_failure(1002)


@case("5.18")
def run(peer):
    peer.frame(TEXT, b"fragment1", fin=False)
    peer.frame(TEXT, b"fragment2")
    peer.expect_failure(1002)


for number, chop in [("5.19", 0), ("5.20", 1)]:

    @case(number)
    def run(peer, chop=chop):
        peer.frame(TEXT, b"fragment1", fin=False, chop=chop)
        peer.frame(CONT, b"fragment2", fin=False, chop=chop)
        peer.frame(PING, b"pongme 1!", chop=chop)
        peer.expect((PONG, b"pongme 1!"))
        peer.frame(CONT, b"fragment3", fin=False, chop=chop)
        peer.frame(CONT, b"fragment4", fin=False, chop=chop)
        peer.frame(PING, b"pongme 2!", chop=chop)
        peer.expect((PONG, b"pongme 2!"))
        peer.frame(CONT, b"fragment5", chop=chop)
        peer.expect((TEXT, b"fragment1fragment2fragment3fragment4fragment5"))
        peer.finish()


# 6: UTF-8

WORD = "Hello-µ@ßöäüàá-UTF-8!!".encode()
KOSME = "κόσμε".encode()
case("6.1.1")(echo(TEXT, b""))
for number, parts in [("6.1.2", [b"", b"", b""]), ("6.1.3", [b"", b"middle frame payload", b""])]:

    @case(number)
    def run(peer, parts=parts):
        peer.frame(TEXT, parts[0], fin=False)
        peer.frame(CONT, parts[1], fin=False)
        peer.frame(CONT, parts[2])
        peer.expect((TEXT, b"".join(parts)))
        peer.finish()


case("6.2.1")(echo(TEXT, WORD))
case("6.2.2")(echo(TEXT, WORD, size=12))
case("6.2.3")(echo(TEXT, WORD, size=1))
case("6.2.4")(echo(TEXT, KOSME, size=1))
BAD = KOSME + b"\xed\xa0\x80" + b"edited"
case("6.3.1")(fails(1007, send=lambda peer: peer.frame(TEXT, BAD)))
case("6.3.2")(fails(1007, send=lambda peer: peer.message(TEXT, BAD, size=1)))


@case("6.4.1")
def run(peer):
    """The first part that can't be right is found before the message is whole."""
    peer.frame(TEXT, KOSME, fin=False)
    peer.frame(CONT, b"\xf4\x90\x80\x80", fin=False)
    peer.expect_failure(1007)


@case("6.4.2")
def run(peer):
    peer.frame(TEXT, KOSME + b"\xf4", fin=False)
    peer.frame(CONT, b"\x90", fin=False)
    peer.expect_failure(1007)


for number, cut in [("6.4.3", 0), ("6.4.4", 1)]:

    @case(number)
    def run(peer, cut=cut):
        """As before, within one frame whose rest never comes."""
        payload = KOSME + b"\xf4\x90\x80\x80" + b"edited"
        key = b"\x11\x22\x33\x44"
        masked = bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))
        end = len(KOSME) + (2 if cut else 4)
        peer.sock.sendall(bytes([0x81, 0x80 | len(payload)]) + key + masked[:end])
        peer.expect_failure(1007)


VALID = {
    5: [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"],
    7: [b"\x00", b"\xc2\x80", b"\xe0\xa0\x80", b"\xf0\x90\x80\x80"],
    9: [b"\x7f", b"\xdf\xbf", b"\xef\xbf\xbf", b"\xf4\x8f\xbf\xbf"],
    11: [b"\xed\x9f\xbf", b"\xee\x80\x80", b"\xef\xbf\xbd", b"\xf4\x8f\xbf\xbf"],
    22: [head + tail for head in [b"\xef\xbf", b"\xf0\x9f\xbf", b"\xf0\xaf\xbf", b"\xf0\xbf\xbf", b"\xf1\x8f\xbf", b"\xf1\x9f\xbf", b"\xf1\xaf\xbf", b"\xf1\xbf\xbf", b"\xf2\x8f\xbf", b"\xf2\x9f\xbf", b"\xf2\xaf\xbf", b"\xf2\xbf\xbf", b"\xf3\x8f\xbf", b"\xf3\x9f\xbf", b"\xf3\xaf\xbf", b"\xf3\xbf\xbf", b"\xf4\x8f\xbf"] for tail in [b"\xbe", b"\xbf"]],
    23: [bytes([0xEF, 0xBF, 0xB9 + n]) for n in range(7)],
}
INVALID = {
    6: [KOSME[:cut] for cut in range(1, len(KOSME)) if KOSME[cut] & 0xC0 == 0x80],
    8: [b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80"],
    10: [b"\xf7\xbf\xbf\xbf", b"\xfb\xbf\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf\xbf"],
    12: [b"\x80", b"\xbf", b"\x80\xbf", b"\x80\xbf\x80", b"\x80\xbf\x80\xbf", b"\x80\xbf" * 3 + b"\x80", bytes(range(0x80, 0xC0))],
    13: [b" ".join(bytes([lead]) for lead in leads) + b" " for leads in [range(0xC0, 0xE0), range(0xE0, 0xF0), range(0xF0, 0xF8), range(0xF8, 0xFC), range(0xFC, 0xFE)]],
    14: [b"\xc0", b"\xe0\x80", b"\xf0\x80\x80", b"\xf8\x80\x80\x80", b"\xfc\x80\x80\x80\x80", b"\xdf", b"\xef\xbf", b"\xf7\xbf\xbf", b"\xfb\xbf\xbf\xbf", b"\xfd\xbf\xbf\xbf\xbf"],
    15: [b"\xc0\xe0\x80\xf0\x80\x80\xf8\x80\x80\x80\xfc\x80\x80\x80\x80\xdf\xef\xbf\xf7\xbf\xbf\xfb\xbf\xbf\xbf\xfd\xbf\xbf\xbf\xbf"],
    16: [b"\xfe", b"\xff", b"\xfe\xfe\xff\xff"],
    17: [b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xf8\x80\x80\x80\xaf", b"\xfc\x80\x80\x80\x80\xaf"],
    18: [b"\xc1\xbf", b"\xe0\x9f\xbf", b"\xf0\x8f\xbf\xbf", b"\xf8\x87\xbf\xbf\xbf", b"\xfc\x83\xbf\xbf\xbf\xbf"],
    19: [b"\xc0\x80", b"\xe0\x80\x80", b"\xf0\x80\x80\x80", b"\xf8\x80\x80\x80\x80", b"\xfc\x80\x80\x80\x80\x80"],
    20: [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xbe\x80", b"\xed\xbf\xbf"],
    21: [high + low for high in [b"\xed\xa0\x80", b"\xed\xad\xbf", b"\xed\xae\x80", b"\xed\xaf\xbf"] for low in [b"\xed\xb0\x80", b"\xed\xbf\xbf"]],
}
for group, payloads in VALID.items():
    for index, payload in enumerate(payloads, 1):
        case(f"6.{group}.{index}")(echo(TEXT, payload))
for group, payloads in INVALID.items():
    for index, payload in enumerate(payloads, 1):
        case(f"6.{group}.{index}")(fails(1007, send=lambda peer, payload=payload: peer.frame(TEXT, payload)))

# 7: closing


@case("7.1.1")
def run(peer):
    peer.frame(TEXT, b"Hello World!")
    peer.expect((TEXT, b"Hello World!"))
    peer.finish()


@case("7.1.2")
def run(peer):
    peer.frame(CLOSE, close_payload(1000))
    peer.frame(CLOSE, close_payload(1000))
    peer.expect((CLOSE, close_payload(1000)), ("end", b""))


for number, opcode in [("7.1.3", PING), ("7.1.4", TEXT)]:

    @case(number)
    def run(peer, opcode=opcode):
        """What follows a Close is not answered."""
        peer.frame(CLOSE, close_payload(1000))
        peer.frame(opcode, b"after")
        peer.expect((CLOSE, close_payload(1000)), ("end", b""))


@case("7.1.5")
def run(peer):
    peer.frame(TEXT, b"fragment1", fin=False)
    peer.frame(CLOSE, close_payload(1000))
    peer.frame(CONT, b"fragment2")
    peer.expect((CLOSE, close_payload(1000)), ("end", b""))


@case("7.1.6")
def run(peer):
    big = b"BAsd7&jh23" * 26214
    peer.frame(TEXT, big)
    peer.frame(TEXT, b"Hello World!")
    peer.frame(CLOSE, close_payload(1000))
    peer.frame(PING)
    peer.expect((TEXT, big), (TEXT, b"Hello World!"), (CLOSE, close_payload(1000)), ("end", b""))


@case("7.3.1")
def run(peer):
    peer.frame(CLOSE)
    peer.expect((CLOSE, close_payload(1000)), ("end", b""))


case("7.3.2")(fails(1002, send=lambda peer: peer.frame(CLOSE, b"a")))
for number, reason in [("7.3.3", b""), ("7.3.4", b"Hello World!"), ("7.3.5", b"*" * 123)]:

    @case(number)
    def run(peer, reason=reason):
        peer.frame(CLOSE, close_payload(1000, reason))
        peer.expect((CLOSE, close_payload(1000)), ("end", b""))


case("7.3.6")(fails(1002, send=lambda peer: peer.frame(CLOSE, close_payload(1000, b"*" * 124))))
case("7.5.1")(fails(1007, send=lambda peer: peer.frame(CLOSE, close_payload(1000, BAD))))
for index, code in enumerate([1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999], 1):

    @case(f"7.7.{index}")
    def run(peer, code=code):
        peer.finish(code)


for index, code in enumerate([0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999], 1):
    case(f"7.9.{index}")(fails(1002, send=lambda peer, code=code: peer.frame(CLOSE, close_payload(code))))
for index, code in enumerate([5000, 65535], 1):
    case(f"7.13.{index}")(fails(1002, send=lambda peer, code=code: peer.frame(CLOSE, close_payload(code))))

# 9: sizes

KIB, MIB = 1 << 10, 1 << 20
SIZES = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB]
for index, size in enumerate(SIZES, 1):
    case(f"9.1.{index}")(echo(TEXT, b"*" * size))
    case(f"9.2.{index}")(echo(BINARY, b"\xfe" * size))
for index in range(9):
    part = 64 * 4**index
    total = 4 * MIB if FULL or part >= 4096 else 128 * KIB
    case(f"9.3.{index + 1}")(echo(TEXT, b"*" * total, size=part))
    case(f"9.4.{index + 1}")(echo(BINARY, b"\xfe" * total, size=part))
for index in range(6):
    chop = 64 * 2**index
    total = MIB if FULL else 128 * KIB
    case(f"9.5.{index + 1}")(echo(TEXT, b"*" * total, chop=chop))
    case(f"9.6.{index + 1}")(echo(BINARY, b"\xfe" * total, chop=chop))
for index, size in enumerate([0, 16, 64, 256, KIB, 4 * KIB], 1):
    for group, opcode in [(7, TEXT), (8, BINARY)]:

        @case(f"9.{group}.{index}")
        def run(peer, size=size, opcode=opcode):
            for _ in range(1000 if FULL else 100):
                peer.frame(opcode, b"*" * size)
                peer.expect((opcode, b"*" * size))
            peer.finish()


# 10: what the client's library fragments by itself

case("10.1.1")(echo(TEXT, b"*" * 65536, size=1300))

# 12 and 13: compression

NEWS = b" ".join(b"%d bottles of %x on the wall, take %d down;" % (n, n * 7919, n % 3) for n in range(4000))
OFFERS = [
    (12, None, "permessage-deflate"),
    (13, 1, "permessage-deflate; client_no_context_takeover"),
    (13, 2, "permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
    (13, 3, "permessage-deflate; server_max_window_bits=9"),
    (13, 4, "permessage-deflate; server_max_window_bits=15; client_max_window_bits"),
    (13, 5, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9"),
    (13, 6, "permessage-deflate; server_no_context_takeover; server_max_window_bits=15"),
    (13, 7, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate; server_no_context_takeover, permessage-deflate"),
]
LENGTHS = [16, 64, 256, KIB, 4 * KIB, 8 * KIB, 16 * KIB, 32 * KIB, 64 * KIB, 128 * KIB]
AUTO = [(8 * KIB, 256), (16 * KIB, 256), (32 * KIB, 256), (64 * KIB, 256), (128 * KIB, 256), (128 * KIB, KIB), (128 * KIB, 4 * KIB), (128 * KIB, 32 * KIB)]
COMPRESSED = [(size, 0) for size in LENGTHS] + AUTO


def compressed(offer, opcode, size, part):
    def run(peer):
        if peer.agreed is None:
            raise Failed("compression was not agreed on")
        for count in range(1000 if FULL else 8):
            at = count * 37 % 1000
            payload = (NEWS * 2)[at : at + size]
            peer.compressed(opcode, payload, part)
            peer.expect((opcode, payload))
        # One that is not compressed may stand between them.
        peer.frame(opcode, b"plain")
        peer.expect((opcode, b"plain"))
        peer.finish()

    run.offer = offer
    return run


for group, sub, offer in OFFERS:
    for index, (size, part) in enumerate(COMPRESSED, 1):
        for kind, opcode in enumerate([TEXT, BINARY], 1):
            if group == 12:
                case(f"12.{kind}.{index}")(compressed(offer, opcode, size, part))
            elif kind == 2:
                case(f"13.{sub}.{index}")(compressed(offer, opcode, size, part))


def main():
    failed = 0
    for number, run in CASES:
        if number in LEFT_OUT:
            continue
        peer = None
        try:
            peer = Peer(URL, getattr(run, "offer", None))
            run(peer)
        except (Failed, OSError, EOFError) as reason:
            failed += 1
            print(f"{number}: {type(reason).__name__}: {reason}")
        finally:
            if peer:
                peer.leave()
    print(f"{len(CASES) - len(LEFT_OUT)} cases, {failed} failed")
    sys.exit(1 if failed else 0)


main()
