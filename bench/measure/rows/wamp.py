"""WAMP: calls, events and sessions; and events of those who have them in common."""

from .. import load
from ..row import Aim, Figure, Row, contenders

#: What each program speaks, where that is not WAMP.
OTHERS = {"nats-server": "nats", "redis-server": "redis", "mosquitto": "mqtt", "hub": "bare"}

JSON, MSGPACK = "ws-json", "rs-msgpack"


def work(protocol, kind, *, window=1, receivers=1, count):
    """A load, of which each delivery is a unit."""

    def measure(session, contender):
        spoken = OTHERS.get(contender.programs[-1], protocol)
        args = ["--protocol", spoken, "--work", kind, "--window", window, "--receivers", receivers]
        with contender.running(session, processes=1) as running:
            return load.under_load(session, running, args, count, per=receivers, command="wamp")

    return measure


def against(*others):
    """Crossbar.io, ourselves, and others that have the same."""
    known = {
        "nats-server": "nats-server/bench.conf", "redis": "redis-server/bench.conf", "mosquitto": "mosquitto/bench.conf",
        "bare program": "hub/hub.args",
    }
    return contenders(
        {"Crossbar.io": "crossbar/wamp.json"} | {label: known[label] for label in others} | {"Jackfield": "jackfield/wamp.yaml"}
    )


def figures(unit):
    return [Figure("cpu_us", f"CPU µs per {unit}", 2), *load.figures(unit)[1:4], Figure("memory_mb", "memory MB")]


BROKERS = ("nats-server", "redis", "mosquitto")


def both(name, title, about, kind, unit, aims, others=(), **how):
    """A row for JSON over WebSocket, and one for MessagePack over RawSocket, which others are shown in, too."""
    aim_json, aim_msgpack = aims
    for protocol, said, aim, whom in (
        (JSON, "JSON, WebSocket", aim_json, [other for other in others if other == "bare program"]),
        (MSGPACK, "MessagePack, RawSocket", aim_msgpack, others),
    ):
        yield Row(
            f"wamp-{name}-{protocol.split('-')[1]}", f"WAMP {title}; {said}", about, against(*whom),
            work(protocol, kind, **how), figures(unit), {"cpu_us": aim},
        )


def rows():
    bare = ("bare program",)
    return [
        *both("call-32", "call, 32 under way", "A call of 100 bytes with its result, from one client to another.", "call",
              "call", (Aim(value=5), Aim(value=4)), window=32, count=60_000),
        *both("call-1", "call, one at a time", "The same, each when the one before is answered. The bare program only passes "
              "the bytes on.", "call", "call", (Aim(ratio=1.15), Aim(ratio=1.15)), bare, count=10_000),
        *both("event", "event 1:1, pipelined", "One publishes, one hears, 1024 events are under way at most.", "event", "event",
              (Aim(value=1.5), Aim(value=1.0)), BROKERS, window=1024, count=300_000),
        *both("event-1", "event 1:1, one at a time", "The next event when the one before has come.", "event", "event",
              (Aim(ratio=1.15), Aim(ratio=1.15)), BROKERS + bare, count=10_000),
        *both("event-100-1", "event 1:100, one at a time", "The next event when all 100 have the one before.", "event", "delivery",
              (Aim(ratio=1.15), Aim(ratio=1.15)), BROKERS + bare, receivers=100, count=500),
        *both("event-100", "event 1:100, pipelined", "100 hear, 256 events are under way at most.", "event", "delivery",
              (Aim(value=0.2), Aim(value=0.2)), BROKERS, receivers=100, window=256, count=10_000),
        *both("event-500", "event 1:500, pipelined", "500 hear, 256 events are under way at most.", "event", "delivery",
              (Aim(value=0.25), Aim(value=0.25)), BROKERS, receivers=500, window=256, count=3_000),
        *both("session", "session opened and closed", "Connect, join anonymously, leave, close; 8 at a time.", "session",
              "session", (Aim(value=60), Aim(value=60)), count=5_000),
    ]
