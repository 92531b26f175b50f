"""Runs jackfield-bench, and measures a server under its load."""

import contextlib
import json
import subprocess

from . import calls, tree
from .processes import Failed, Server, place
from .row import Figure


def figures(unit):
    """What a load measures."""
    return [
        Figure("cpu_us", f"CPU µs per {unit}"),
        Figure("rate", f"{unit}s per s", 0),
        Figure("p50_us", "p50 µs", 0),
        Figure("p99_us", "p99 µs", 0),
        Figure("memory_mb", "memory MB"),
    ]


#: What a load that moves much measures, if a unit is a gigabyte.
BULK_FIGURES = [
    Figure("cpu_s", "CPU s per GB", 2),
    Figure("rate", "GB per s", 2),
    Figure("p50_us", "p50 µs", 0),
    Figure("p99_us", "p99 µs", 0),
    Figure("memory_mb", "memory MB"),
]


@contextlib.contextmanager
def backend(session, http=None):
    """What relays and proxies connect to; its processor time is not counted."""
    at = place()
    command = [session.tools.load, "backend", f"{at[0]}:{at[1]}"]
    if http is not None:
        command += ["--http", http]
    with Server("backend", command, session.folder("backend") / "log") as server:
        server.wait_for(*at)
        yield at


@contextlib.contextmanager
def echo(session):
    """A WebSocket echo for proxies to connect to; its processor time is not counted."""
    at = place()
    command = [session.tools.load, "echo", "fastwebsockets", f"{at[0]}:{at[1]}"]
    with Server("echo", command, session.folder("echo") / "log") as server:
        server.wait_for(*at)
        yield at


def run(session, at, *args, command="load"):
    """One load: its report."""
    command = [session.tools.load, command, "--to", f"{at[0]}:{at[1]}", *args]
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    if done.returncode != 0:
        raise Failed(f"the load failed: {done.stderr.strip()}")
    return json.loads(done.stdout)


def under_load(session, running, args, count, per=1.0, command="load"):
    """The figures of a server under a load, after a tenth of it to warm up.

    `per`: units in one request, where a unit is not a request.
    """
    count = session.scaled(count)
    run(session, running.at, *args, "--count", max(count // 10, 1), "--limit", session.seconds, command=command)
    processes = running.pids()
    before = tree.settled(processes)
    report = run(session, running.at, *args, "--count", count, "--limit", session.seconds, command=command)
    used = tree.settled(processes).since(before)
    running.check()
    if set(running.pids()) != set(processes):
        raise Failed(f"{running.contender.label}: processes came or went under load")
    if report["requests"] == 0:
        raise Failed("no request was answered")
    units = (report["requests"] + report["failed"]) * per
    figures = {
        "cpu_us": sum(used.values()) / 1000 / units,
        "cpu_s": sum(used.values()) / 1e9 / units,
        "rate": units / report["seconds"],
        "p50_us": report["p50_us"],
        "p99_us": report["p99_us"],
        "memory_mb": sum(map(tree.pss_kb, processes)) / 1024,
        "requests": report["requests"],
        "resumed": report["resumed"],
        "failed": report["failed"],
    }
    if session.counts_calls:
        figures["calls"] = calls.counted(session, processes, lambda: per * watched(session, running, args, count, command))
    return figures


def watched(session, running, args, count, command="load"):
    """A load that is not measured: how many requests it was."""
    report = run(session, running.at, *args, "--count", max(count // 20, 64), "--limit", session.seconds, command=command)
    return report["requests"] + report["failed"]
