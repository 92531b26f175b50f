"""What clients see of it when a process is killed, and when the configuration is read again."""

import contextlib
import json
import os
import signal
import subprocess
import time

from .. import tree
from ..processes import Failed
from ..row import Aim, Figure, Row, contenders

#: Clients of each kind: so few that they hardly wait for a processor, and more than there are processes.
CLIENTS = 4

#: Seconds between two disturbances.
PAUSE = 1.5


@contextlib.contextmanager
def clients(session, running):
    """Clients that ask without a pause; what they saw is in the dictionary afterwards."""
    seen = {}
    at = running.at
    command = [session.tools.load, "disturb", "--to", f"{at[0]}:{at[1]}", "--path", "/small.txt"]
    command += ["--each", CLIENTS, "--kept", CLIENTS]
    with subprocess.Popen(
        [str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, start_new_session=True,
    ) as client:
        try:
            yield seen
            out, errors = client.communicate(timeout=60)
            if client.returncode != 0:
                raise Failed(f"the clients: {errors.strip()}")
            seen |= json.loads(out)
        finally:
            if client.poll() is None:
                client.kill()


def disturbed(how, times):
    """The figures of a server to which something is done so many times."""

    def measure(session, contender):
        number, pause = (1, PAUSE / 5) if session.short else (times, PAUSE)
        with contender.running(session) as running:
            with clients(session, running) as undisturbed:
                time.sleep(pause)
            with clients(session, running) as seen:
                time.sleep(pause)
                for _ in range(number):
                    how(running)
                    time.sleep(pause)
        return {
            "failed": seen["refused"] + seen["reset"] + seen["other"], "refused": seen["refused"],
            "gap_ms": seen["longest_ms"], "quiet_ms": undisturbed["longest_ms"], "answered": seen["answered"],
        }

    return measure


def kill(running):
    """Kills the process that serves most connections."""
    root = running.servers[-1].pid
    serving = [pid for pid in running.pids() if pid != root and tree.program(pid)]
    if serving:  # else none has taken the place of those that were killed
        os.kill(max(serving, key=tree.sockets), signal.SIGKILL)


def reload(running):
    """Tells it to read its configuration again."""
    name = running.contender.programs[-1]
    running.servers[-1].process.send_signal(signal.SIGUSR2 if name == "haproxy" else signal.SIGHUP)


FIGURES = [
    Figure("failed", "failed requests", 0), Figure("refused", "of these refused", 0),
    Figure("gap_ms", "longest gap ms", 0), Figure("quiet_ms", "gap undisturbed ms", 0),
    Figure("answered", "answered", 0),
]


def rows():
    peers = {
        "HAProxy": "haproxy/hello.cfg", "nginx": "nginx/static.conf", "gunicorn": "gunicorn/hello.py",
        "Crossbar.io": "crossbar/static.json", "Jackfield": "jackfield/static.yaml",
    }
    about = (
        f" {CLIENTS} clients with a connection for each request and {CLIENTS} with one for all ask for a small file without a pause."
        " The gap is the longest time that one of them was without an answer; before that, the same is measured while"
        " nothing is done to the server, which is what the machine alone makes of it."
    )
    aims = {"failed": Aim(value=0), "gap_ms": Aim(ratio=1.0)}
    # Crossbar.io reads no configuration again.
    can_reload = {label: template for label, template in peers.items() if label != "Crossbar.io"}
    return [
        Row(
            "kill", "a worker is killed, under load",
            "One of two serving processes is killed (SIGKILL), three times." + about,
            contenders(peers), disturbed(kill, 3), FIGURES, aims,
        ),
        Row(
            "reload", "reload, under load",
            "The configuration is read again, three times." + about,
            contenders(can_reload), disturbed(reload, 3), FIGURES, aims,
        ),
    ]
