"""Relays of TCP connections."""

from .. import load
from ..row import Aim, Row, contenders


def against():
    return contenders({"HAProxy": "haproxy/relay.cfg", "nginx": "nginx/relay.conf", "Jackfield": "jackfield/relay.yaml"})


def through(*args, count, per=1.0, **more):
    """A load through a relay to the backend."""

    def measure(session, contender):
        with load.backend(session) as backend, contender.running(session, backend, **more) as running:
            return load.under_load(session, running, ["--protocol", "raw", *args], count, per)

    return measure


#: Where much is to be carried buffers are as large as ours.
LARGE = {"BUFFER": 256 << 10, "PIPE": 256 << 10}

#: Bytes of one answer, and connections, where much is to be carried.
BULK = ("--answer", 16 << 20, "--connections", 4)
GB_PER_ANSWER = (16 << 20) / 1e9


def rows():
    return [
        Row(
            "relay-small", "TCP relay, small request and answer",
            "64 connections that stay, each with 64 bytes there and 64 back, over and over.",
            against(), through(count=150_000), load.figures("request"), {"cpu_us": Aim(ratio=0.9)},
        ),
        Row(
            "relay-each", "TCP relay, connection per request",
            "The same, 64 at a time, with a connection for each request.",
            against(), through("--each", count=25_000), load.figures("connection"), {"cpu_us": Aim(ratio=0.9)},
        ),
        Row(
            "relay-bulk", "TCP relay, bulk",
            "4 connections, 16 MiB for each request.",
            against(), through(*BULK, count=250, per=GB_PER_ANSWER, **LARGE), load.BULK_FIGURES, {"cpu_s": Aim(ratio=0.6)},
        ),
    ]
