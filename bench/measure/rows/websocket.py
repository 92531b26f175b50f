"""WebSocket echoes."""

from .. import load
from ..row import Aim, Row, contenders


def echo(*args, count):
    def measure(session, contender):
        with contender.running(session) as running:
            return load.under_load(session, running, ["--protocol", "websocket", *args], count)

    return measure


def against():
    return contenders({
        "fastwebsockets": "fastwebsockets/echo.args", "tungstenite": "tungstenite/echo.args",
        "Crossbar.io": "crossbar/websocket.json", "Jackfield": "jackfield/websocket.yaml",
    })


def rows():
    return [
        Row(
            "websocket-32", "WebSocket echo, 32 B",
            "64 connections that stay, a binary message at a time on each.",
            against(), echo("--request", 32, count=150_000), load.figures("message"), {"cpu_us": Aim(ratio=0.5)},
        ),
        Row(
            "websocket-16k", "WebSocket echo, 16 KiB",
            "The same with longer messages.",
            against(), echo("--request", 16 << 10, count=60_000), load.figures("message"), {"cpu_us": Aim(ratio=0.5)},
        ),
    ]
