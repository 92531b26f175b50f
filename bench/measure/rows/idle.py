"""What connections cost that do nothing."""

import contextlib
import subprocess
import time

from .. import load, tree
from ..processes import Failed
from ..row import Aim, Figure, Row, contenders
from . import relay, tls, wamp, websocket

COUNT = 2000

FIGURES = [Figure("each_kb", "KB each", 2), Figure("base_mb", "MB without"), Figure("memory_mb", "MB with")]


@contextlib.contextmanager
def connections(session, at, *command):
    """What this command of the load generator opens, and keeps."""
    command = [session.tools.load, *command, "--to", f"{at[0]}:{at[1]}"]
    with subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as client:
        try:
            if client.stdout.readline() != "open\n":
                raise Failed(f"idle connections: {client.stderr.read().strip()}")
            yield
        finally:
            client.stdin.close()
            try:
                client.wait(timeout=10)
            except subprocess.TimeoutExpired:
                client.kill()


def memory_mb(running):
    """When it has settled."""
    tree.settled(running.pids())
    time.sleep(0.2)
    return sum(map(tree.pss_kb, running.pids())) / 1024


def idle(*args, behind=None, command=("idle", "--connections"), processes=None):
    """Memory with idle connections and without; `behind`: what the server needs to connect to."""

    def measure(session, contender):
        count = COUNT // 20 if session.short else COUNT
        with contextlib.ExitStack() as stack:
            backend = stack.enter_context(behind(session)) if behind else None
            running = stack.enter_context(contender.running(session, backend, processes))
            with connections(session, running.at, *command, count // 10, *args):
                pass
            base = memory_mb(running)
            with connections(session, running.at, *command, count, *args):
                full = memory_mb(running)
            running.check()
        return {"each_kb": (full - base) * 1024 / count, "base_mb": base, "memory_mb": full}

    return measure


def row(name, title, about, against, measure, aim=Aim(ratio=1.0)):
    about += (
        f" {COUNT} connections that have had one answer each and stay; the memory (PSS) of all processes with them,"
        " less the memory without, which is taken after a tenth of them has come and gone. What the kernel needs for"
        " its sockets is not in it."
    )
    return Row(name, title, about, against, measure, FIGURES, {"each_kb": aim})


def session(protocol):
    return idle("--protocol", protocol, "--work", "idle", command=("wamp", "--count"), processes=1)


def rows():
    proxies = contenders({
        "HAProxy": "haproxy/websocket-proxy.cfg",
        "nginx": "nginx/websocket-proxy.conf",
        "Jackfield": "jackfield/websocket-proxy.yaml",
    })
    return [
        row(
            "idle-relay", "idle connections, TCP relay", "A relay, with its connection to the backend.",
            relay.against(), idle("--protocol", "raw", behind=load.backend),
        ),
        row(
            "idle-tls", "idle connections, TLS", "A relay that terminates TLS, with its connection to the backend.",
            tls.against(), idle("--protocol", "raw", "--tls", behind=load.backend),
        ),
        row(
            "idle-websocket", "idle connections, WebSocket echo", "The server is the WebSocket's end.",
            websocket.against(), idle("--protocol", "websocket"),
        ),
        row(
            "idle-websocket-proxy", "idle connections, WebSocket proxy",
            "A reverse proxy, with its connection to the backend.",
            proxies, idle("--protocol", "websocket", behind=load.echo),
        ),
        row(
            "idle-wamp-json", "idle sessions of WAMP; JSON, WebSocket", "Sessions that have joined.",
            wamp.against(), session(wamp.JSON), Aim(value=4),
        ),
        row(
            "idle-wamp-msgpack", "idle sessions of WAMP; MessagePack, RawSocket", "Sessions that have joined.",
            wamp.against(), session(wamp.MSGPACK), Aim(value=4),
        ),
    ]
