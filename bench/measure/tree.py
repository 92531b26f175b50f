"""What the processes of a server use: processor time and memory of the whole tree, from /proc."""

import os
import pathlib
import time

PROC = pathlib.Path("/proc")
TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def _stat(pid):
    """Fields of /proc/PID/stat from the third on, or None when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def born(pid):
    """When a process was started: with its id that names it for ever."""
    fields = _stat(pid)
    return fields and int(fields[19])


def pids(roots, leave_out=None):
    """The processes and their descendants; leave_out(pid) says which are not looked at."""
    children = {}
    for entry in os.listdir(PROC):
        if entry.isdigit() and (fields := _stat(entry)) and fields[0] != "Z":
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, todo = [], list(roots)
    while todo:
        pid = todo.pop()
        todo += children.get(pid, ())
        if (PROC / str(pid)).exists() and not (leave_out and leave_out(pid)):
            found.append(pid)
    return found


def of_session(leader):
    """The processes of a session, also those whose parent is gone."""
    found = []
    for entry in os.listdir(PROC):
        if entry.isdigit() and (fields := _stat(entry)) and fields[0] != "Z" and int(fields[3]) == leader:
            found.append(int(entry))
    return found


def program(pid):
    """The arguments a process was started with."""
    try:
        return (PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").decode(errors="replace").split("\0")
    except OSError:
        return []


def _process(pid):
    """Nanoseconds of each thread, and nanoseconds of the process as the clock's ticks say."""
    threads = {}
    try:
        for task in (PROC / str(pid) / "task").iterdir():
            try:
                threads[task.name] = int((task / "schedstat").read_text().split()[0])
            except OSError:
                continue
    except OSError:
        pass
    fields = _stat(pid)
    ticks = (int(fields[11]) + int(fields[12])) * TICK_NS if fields else 0
    return threads, ticks


class Cpu:
    """Processor time of processes at a moment."""

    def __init__(self, processes):
        self.of = {pid: _process(pid) for pid in processes}

    def since(self, before):
        """Nanoseconds of each process since then.

        From schedstat of each thread, which is exact; from the ticks, which are 10 ms, where there is none or where
        a thread has ended meanwhile and its schedstat with it.
        """
        used = {}
        for pid, (threads, ticks) in self.of.items():
            old_threads, old_ticks = before.of.get(pid, ({}, 0))
            if threads and threads.keys() >= old_threads.keys():
                used[pid] = sum(ns - old_threads.get(tid, 0) for tid, ns in threads.items())
            else:
                used[pid] = ticks - old_ticks
        return used


def settled(processes, seconds=2.0):
    """The processor time as soon as it does not grow any more."""
    end = time.monotonic() + seconds
    now = Cpu(processes)
    while True:
        time.sleep(0.05)
        then, now = now, Cpu(processes)
        if sum(now.since(then).values()) < 500_000 or time.monotonic() > end:
            return now


def pss_kb(pid):
    """Memory, where what several processes share counts for each by its share."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except OSError:
        pass
    return 0


def sockets(pid):
    """How many sockets a process has open."""
    count = 0
    try:
        for fd in (PROC / str(pid) / "fd").iterdir():
            try:
                count += os.readlink(fd).startswith("socket:")
            except OSError:
                continue
    except OSError:
        pass
    return count
