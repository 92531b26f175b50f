"""How evenly processes share connections, and what more processes than cores cost."""

import statistics

from .. import load, tree
from ..row import Aim, Figure, Row, contenders
from .idle import COUNT, connections

GET = ("--protocol", "http", "--path", "/small.txt")


def uneven(session, contender, processes):
    """How much more connections than its share the busiest process has, in per cent."""
    count = COUNT // 4 if session.short else COUNT
    with contender.running(session, processes=processes) as running:
        with connections(session, running.at, "idle", "--connections", count // 10, *GET):
            tree.settled(running.pids())
        before = {pid: tree.sockets(pid) for pid in running.pids()}
        with connections(session, running.at, "idle", "--connections", count, *GET):
            tree.settled(running.pids())
            more = sorted((tree.sockets(pid) - number for pid, number in before.items()), reverse=True)
    shares = more[:processes]
    return 100 * (max(shares) / statistics.mean(shares) - 1)


def balance(session, contender):
    figures = {f"uneven_{processes}": uneven(session, contender, processes) for processes in (2, 4)}
    return {"uneven": max(figures.values()), **figures}


def processes(session, contender):
    figures = {}
    for number in (1, 2, 4):
        with contender.running(session, processes=number) as running:
            under = load.under_load(session, running, GET, 60_000)
        figures |= {f"rate_{number}": under["rate"], f"cpu_{number}": under["cpu_us"]}
    return {"slower": figures["cpu_4"] / figures["cpu_2"], **figures}


def rows():
    about = (
        f"{COUNT} connections are opened and kept: by how many per cent the process that has most has more than its"
        " share, with 2 and with 4 processes."
    )
    shown = [Figure("uneven", "% above, the worst"), Figure("uneven_2", "% of 2"), Figure("uneven_4", "% of 4")]
    return [
        Row(
            "balance", "accept balance, a socket for each process", about,
            contenders({"nginx": "nginx/static.conf", "Jackfield": "jackfield/static.yaml"}),
            balance, shown, {"uneven": Aim(value=10)},
        ),
        Row(
            "balance-one-socket", "accept balance, one socket for all processes", about,
            contenders({"nginx": "nginx/static-one-socket.conf", "Jackfield": "jackfield/static-one-socket.yaml"}),
            balance, shown, {"uneven": Aim(value=10)},
        ),
        Row(
            "processes", "throughput with 1, 2 and 4 processes",
            "HTTP, a small file, 64 connections that stay. The processor time for each request with 4 processes to that "
            "with 2: what more processes than cores cost, where there are 2 cores.",
            contenders({"nginx": "nginx/static.conf", "Jackfield": "jackfield/static.yaml"}), processes,
            [
                Figure("slower", "CPU 4 to 2", 2),
                *(Figure(f"cpu_{number}", f"CPU µs, {number}") for number in (1, 2, 4)),
                *(Figure(f"rate_{number}", f"requests per s, {number}", 0) for number in (1, 2, 4)),
            ],
            {"slower": Aim(value=1.05)},
        ),
    ]
