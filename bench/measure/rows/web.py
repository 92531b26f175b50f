"""HTTP."""

from .. import load
from ..row import Aim, Figure, Row, contenders


def get(*args, count, http=None):
    """GET requests; with a backend that answers with so many bytes."""

    def measure(session, contender):
        args_ = ["--protocol", "http", *args]
        if http is None:
            with contender.running(session) as running:
                return load.under_load(session, running, args_, count)
        with load.backend(session, http) as backend, contender.running(session, backend) as running:
            return load.under_load(session, running, args_, count)

    return measure


def static():
    return contenders({"nginx": "nginx/static.conf", "Crossbar.io": "crossbar/static.json", "Jackfield": "jackfield/static.yaml"})


def rows():
    universal = contenders({
        "sslh + nginx": ("nginx/static.conf", "sslh/universal.cfg"),
        "HAProxy + nginx": ("nginx/static.conf", "haproxy/universal.cfg"),
        "Jackfield": "jackfield/universal.yaml",
    })
    return [
        Row(
            "universal", "universal (sniffing), connection per request",
            "Several protocols on one port, told apart by their first bytes: an HTTP request for a small file on each "
            "connection, 64 at a time. Everything that takes part is counted: with the peers a sniffer in front of "
            "nginx. Connections that fail count as if they had been served.",
            universal, get("--path", "/small.txt", "--each", "--tolerate", count=20_000),
            [*load.figures("connection"), Figure("failed", "failed", 0)], {"cpu_us": Aim(ratio=0.7)},
        ),
        Row(
            "static-small", "HTTP static, small file",
            "64 connections that stay, a file of 1 kB.",
            static(), get("--path", "/small.txt", count=120_000), load.figures("request"), {"cpu_us": Aim(ratio=1.0)},
        ),
        Row(
            "static-large", "HTTP static, 1 MB file",
            "16 connections that stay, a file of 1 MB.",
            static(), get("--path", "/large.txt", "--connections", 16, count=4_000), load.figures("request"),
            {"cpu_us": Aim(ratio=1.0)},
        ),
        Row(
            "proxy", "HTTP reverse proxy",
            "64 connections that stay, answers of 1 kB from a backend whose connections are kept, too.",
            contenders({"nginx": "nginx/proxy.conf", "HAProxy": "haproxy/proxy.cfg", "Jackfield": "jackfield/proxy.yaml"}),
            get(count=100_000, http=1000), load.figures("request"), {"cpu_us": Aim(ratio=1.0)},
        ),
    ]
