"""Where and with what a run was made."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from .programs import PROGRAMS, first


def _git(root, *args):
    try:
        done = subprocess.run(["git", *args], cwd=root, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe(tools, rows, is_given):
    """The machine, the commit, and the versions of everything that takes part."""
    cpu = first(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(first(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())) / (1 << 20)
    system = first(r'PRETTY_NAME="(.+)"', pathlib.Path("/etc/os-release").read_text())
    names = sorted({name for row in rows for contender in row.contenders for name in contender.programs})
    versions = {}
    for name in names:
        path = PROGRAMS[name].find(tools)
        versions[name] = PROGRAMS[name].version(path, tools) if path else None
    # Of an executable that was given nobody knows what it was built from.
    given = ", measured with an executable that was given" if is_given else ""
    changed = _git(tools.root, "status", "--porcelain", "--untracked-files=no")
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cpu": re.sub(r"\s+", " ", cpu),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(memory),
        "kernel": platform.release(),
        "system": system,
        "load_before": os.getloadavg()[0],
        "commit": _git(tools.root, "rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "") + given,
        "versions": versions,
    }
