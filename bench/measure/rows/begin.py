"""From the start to the first answer, and the memory of what is there then."""

import contextlib
import socket
import statistics
import time

from .. import tree
from ..contender import Running, start
from ..processes import PATIENCE, Failed, place
from ..row import Aim, Figure, Row, contenders


def is_answered(at):
    """Whether it answers a request with 200; false while nobody listens."""
    try:
        with socket.create_connection(at, timeout=10) as client:
            client.sendall(b"GET /small.txt HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return client.recv(65536).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def once(session, contender):
    """One start."""
    at = place()
    server = start(session, contender.templates[0], at, at, processes=1)
    with contextlib.closing(contextlib.ExitStack()) as stack:
        stack.callback(server.stop)
        end = time.monotonic() + PATIENCE
        while not is_answered(at):
            if server.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{contender.label} does not answer: {server.last_words()}")
            time.sleep(0.0005)
        took = time.perf_counter() - server.began
        running = Running(contender, at, [server])
        tree.settled(running.pids())
        memory = {pid: tree.pss_kb(pid) / 1024 for pid in running.pids()}
    root = memory.pop(server.pid)
    return {
        "start_ms": took * 1000, "memory_mb": root + sum(memory.values()), "root_mb": root,
        "worker_mb": max(memory.values(), default=None),
    }


def measure(session, contender):
    """The median of several starts; those that take seconds are done once."""
    starts = [once(session, contender)]
    while not session.short and len(starts) < 7 and starts[0]["start_ms"] < 500:
        starts.append(once(session, contender))
    return {
        name: statistics.median(values) if None not in (values := [start[name] for start in starts]) else None
        for name in starts[0]
    }


def rows():
    return [
        Row(
            "start", "start to the first answer; memory of controller and worker",
            "A web server with one process that serves, from its start to the first answer to a request; the memory "
            "(PSS) of all its processes after that.",
            contenders({
                "nginx": "nginx/static.conf", "HAProxy": "haproxy/hello.cfg", "Crossbar.io": "crossbar/one-worker.json",
                "Jackfield": "jackfield/universal.yaml",
            }),
            measure,
            [
                Figure("start_ms", "ms to the first answer"), Figure("memory_mb", "memory MB"),
                Figure("root_mb", "MB of the controller"), Figure("worker_mb", "MB of the worker"),
            ],
            {"start_ms": Aim(value=30), "memory_mb": Aim(value=6)},
        ),
    ]
