"""TLS in front of a backend without."""

from .. import load
from ..processes import Failed
from ..row import Aim, Row, contenders
from .relay import BULK, GB_PER_ANSWER, LARGE, through

CLIENTS = 64  # of jackfield-bench, unless it is told

KIND = "TLS 1.3, certificate on P-256, X25519, AES-128-GCM. "


def against():
    return contenders({
        "HAProxy": "haproxy/tls.cfg", "nginx": "nginx/tls.conf", "hitch": "hitch/tls.conf", "Jackfield": "jackfield/tls.yaml"
    })


def resumed(session, contender):
    """Nothing is compared unless sessions were resumed, but for the first one of each client."""
    figures = through("--tls", "--each", "--resume", count=10_000)(session, contender)
    if figures["resumed"] < 0.95 * (figures["requests"] - CLIENTS):
        raise Failed(f"{contender.label} resumed {figures['resumed']} of {figures['requests']} sessions only")
    return figures


def rows():
    return [
        Row(
            "tls-full", "TLS termination, full handshake",
            KIND + "64 at a time, with a connection and a full handshake for each small request.",
            against(), through("--tls", "--each", count=6_000), load.figures("connection"), {"cpu_us": Aim(ratio=0.5)},
        ),
        Row(
            "tls-resumed", "TLS termination, resumed handshake",
            KIND + "The same, with the session of the connection before.",
            against(), resumed, load.figures("connection"), {"cpu_us": Aim(ratio=0.6)},
        ),
        Row(
            "tls-small", "TLS termination, small request and answer",
            KIND + "64 connections that stay, each with 64 bytes there and 64 back, over and over.",
            against(), through("--tls", count=120_000), load.figures("request"), {"cpu_us": Aim(ratio=0.8)},
        ),
        Row(
            "tls-bulk", "TLS termination, bulk",
            KIND + "4 connections, 16 MiB for each request.",
            against(), through("--tls", *BULK, count=150, per=GB_PER_ANSWER, **LARGE), load.BULK_FIGURES, {"cpu_s": Aim(ratio=0.8)},
        ),
    ]
