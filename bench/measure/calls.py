"""The system calls of a server under load, counted by strace in a load of their own: being watched costs time."""

import re
import signal
import subprocess
import time

from .processes import Failed

#: Less of a call than this for each unit belongs to the beginning and the end of the load.
LEAST = 0.02


def parse(text, units):
    """Calls by name, for each unit, the most frequent first."""
    calls = {}
    for row in text.splitlines():
        cells = row.split()
        if len(cells) >= 5 and re.fullmatch(r"[\d.]+", cells[0]) and cells[3].isdigit() and cells[-1] != "total":
            calls[cells[-1]] = int(cells[3]) / units
    often = sorted(calls.items(), key=lambda call: -call[1])
    return {name: round(number, 2) for name, number in often if number >= LEAST}


def counted(session, processes, load):
    """What the processes call while `load()` runs, which gives the number of its units. None without strace."""
    strace = session.tools.system("strace")
    if strace is None:
        return None
    out = session.folder("strace") / "calls"
    command = [strace, "-f", "-c", "-o", out]
    for pid in processes:
        command += ["-p", str(pid)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True) as watcher:
        try:
            # It names each process as soon as it watches it.
            for _ in processes:
                if b"attached" not in (line := watcher.stderr.readline()):
                    raise Failed(f"strace: {line.decode(errors='replace').strip()}")
            time.sleep(0.1)
            units = load()
            time.sleep(0.1)
        finally:
            watcher.send_signal(signal.SIGINT)
            try:
                watcher.wait(timeout=10)
            except subprocess.TimeoutExpired:
                watcher.kill()
    return parse(out.read_text(), units)
