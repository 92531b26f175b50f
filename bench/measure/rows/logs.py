"""What programs write to their standard output, collected in files."""

import time

from .. import tree
from ..contender import Running, start
from ..processes import PATIENCE, Failed, place
from ..row import Aim, Figure, Row, contenders

NAMES = [f"w{number}" for number in range(4)]
MARK = b"a line as programs write them"


def wait_for(what, is_so, server):
    end = time.monotonic() + 2 * PATIENCE
    while not is_so():
        if server.process.poll() is not None or time.monotonic() > end:
            raise Failed(f"{server.name}: {what}: {server.last_words()}")
        time.sleep(0.01)


def written(folder):
    """Lines that arrived, each counted once."""
    lines = set()
    for path in folder.rglob("*"):
        if path.is_file():
            for line in path.read_bytes().split(b"\n"):
                if MARK in line:
                    name, number = line[: line.index(MARK)].split()[-2:]
                    lines.add((name, number))
    return len(lines)


def measure(session, contender):
    count = session.scaled(200_000)
    signals, logs = session.folder("signals"), session.folder("logs")
    more = {"COUNT": count, "SIGNALS": signals, "LOGS": logs}
    at = place()
    with start(session, contender.templates[0], at, at, 1, more) as server:
        running = Running(contender, at, [server])
        all_are = lambda state: lambda: all((signals / f"{name}.{state}").exists() for name in NAMES)
        wait_for("its programs do not start", all_are("ready"), server)
        processes = running.pids()
        before = tree.settled(processes)
        began = time.perf_counter()
        (signals / "go").touch()
        wait_for("its programs do not get done", all_are("done"), server)
        took = time.perf_counter() - began
        after = tree.settled(processes, 20)
        memory = sum(map(tree.pss_kb, processes)) / 1024
    lines = count * len(NAMES)
    return {
        "cpu_us": sum(after.since(before).values()) / 1000 / lines, "rate": lines / took,
        "lost": lines - written(logs), "memory_mb": memory,
    }


def rows():
    return [
        Row(
            "logs", "log aggregation",
            "4 programs write 200,000 lines of about 100 bytes each to standard output, every one at once and as fast "
            "as they can; their own processor time is not counted. Ours writes one file, with time, source and level "
            "in front of each line; s6-log writes a file for each, with the time; supervisord and Circus write a file "
            "for each, with nothing added. Lines lost are those that are in no file afterwards.",
            contenders({
                "supervisord": "supervisord/logs.ini", "s6-log": "s6-log/logs.sh", "Circus": "circus/logs.ini",
                "Jackfield": "jackfield/logs.yaml",
            }),
            measure,
            [
                Figure("cpu_us", "CPU µs per line", 2), Figure("rate", "lines per s", 0), Figure("lost", "lost", 0),
                Figure("memory_mb", "memory MB"),
            ],
            {"cpu_us": Aim(ratio=0.5), "lost": Aim(value=0)},
        ),
    ]
