"""Starts and stops what is measured. Whatever is started here is stopped, by its process id."""

import itertools
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

from . import tree

PATIENCE = 60


class Failed(Exception):
    """A server or a load did not do what it should."""


# Addresses that others hardly use: each server has one of its own, so that connections that linger (TIME_WAIT) after
# one measurement are nothing to the next.
_numbers = itertools.count(1)


def place():
    """A loopback address of its own and a free port there."""
    number = next(_numbers)
    address = f"127.{101 + 2 * (os.getpid() % 70)}.{number // 250 % 250 + 1}.{number % 250 + 1}"
    with socket.socket() as s:
        s.bind((address, 0))
        return address, s.getsockname()[1]


def listening(address, port):
    """How many sockets listen there."""
    local = f"{int.from_bytes(socket.inet_aton(address), sys.byteorder):08X}:{port:04X}"
    rows = (row.split() for row in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1] == local and row[3] == "0A" for row in rows)


def accepts(address, port):
    """Whether somebody can connect."""
    try:
        socket.create_connection((address, port), timeout=10).close()
        return True
    except OSError:
        return False


class Server:
    """A program that runs until it is stopped."""

    def __init__(self, name, command, log, env=None, cwd=None):
        self.name, self.log = name, log
        with open(log, "ab") as out:
            self.began = time.perf_counter()
            self.process = subprocess.Popen(
                [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=cwd,
                env=None if env is None else dict(os.environ, **env), start_new_session=True,
            )
        self.pid = self.process.pid

    def last_words(self):
        return self.log.read_text(errors="replace")[-2000:]

    def wait_for(self, address, port, sockets=1):
        """Waits until it accepts there, with so many sockets at least."""
        end = time.monotonic() + PATIENCE
        while not (listening(address, port) >= sockets and accepts(address, port)):
            if self.process.poll() is not None:
                raise Failed(f"{self.name} ended with {self.process.returncode}:\n{self.last_words()}")
            if time.monotonic() > end:
                raise Failed(f"{self.name} does not accept on {address}:{port}\n{self.last_words()}")
            time.sleep(0.002)

    def stop(self):
        """Ends it by SIGTERM, after a while by SIGKILL, and with it whatever it has started."""
        family = {*tree.pids([self.pid]), *tree.of_session(self.pid)}
        all_of_it = [(pid, tree.born(pid)) for pid in family]
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid, birth in all_of_it:
            if birth and tree.born(pid) == birth:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
