"""Gets the peers: from Debian, unpacked rather than installed, so that no service starts and no root is needed; and
from PyPI, in virtual environments."""

import pathlib
import re
import subprocess
import sys

#: Debian's packages; whatever of them the system has is used as it is.
DEBIAN = ("haproxy", "nginx-light", "libnginx-mod-stream", "hitch", "sslh", "s6", "strace", "nats-server", "redis-server",
          "mosquitto")

#: Virtual environments. Crossbar.io has one of its own, since it needs many packages in certain versions.
PYPI = {"venv-crossbar": ("crossbar",), "venv-tools": ("supervisor", "circus", "gunicorn")}


def debian(tools):
    """Unpacks what is not there, with the libraries that this needs."""
    simulated = subprocess.run(
        ["apt-get", "install", "--simulate", "--no-install-recommends", "--quiet=2", *DEBIAN],
        stdout=subprocess.PIPE, text=True, check=True,
    ).stdout
    missing = re.findall(r"^Inst (\S+) (?:\[.*?\] )?\((\S+)", simulated, re.MULTILINE)
    archive = tools.home / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    for name, version in missing:
        done = archive / f"{name}_{version.replace(':', '%3a')}.unpacked"
        if done.exists():
            continue
        print(f"getting {name} {version}", file=sys.stderr)
        before = set(archive.glob("*.deb"))
        subprocess.run(
            ["apt-get", "download", "--quiet=2", f"{name}={version}"], cwd=archive, check=True,
            stderr=subprocess.DEVNULL,
        )
        for package in set(archive.glob("*.deb")) - before or archive.glob(f"{name}_*.deb"):
            subprocess.run(["dpkg", "--extract", package, tools.unpacked], check=True)
        done.touch()


def pypi(tools):
    """Makes the virtual environments."""
    for venv, packages in PYPI.items():
        home = tools.home / venv
        done = home / "done"
        if done.exists() and done.read_text() == " ".join(packages):
            continue
        print(f"getting {', '.join(packages)} from PyPI", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        python = home / "bin" / "python"
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], check=True
        )
        done.write_text(" ".join(packages))


def everything(tools):
    """All peers; one that can't be got is left out, and the table says so."""
    problems = []
    for what, get in (("Debian", debian), ("PyPI", pypi)):
        try:
            get(tools)
        except (OSError, subprocess.CalledProcessError) as error:
            problems.append(f"peers from {what}: {error}")
    return problems


def build(root, arguments):
    """Builds with Cargo."""
    subprocess.run(["cargo", "build", "--quiet", *arguments], cwd=root, check=True)


def ours(root: pathlib.Path, binary, short):
    """The node and the load generator: releases; for a short run, that judges nothing, as they are built for the
    tests."""
    if short:
        build(root, ["--workspace"])
    else:
        build(root, ["--release", "-p", "jackfield-bench"])
        if not binary:
            build(root, ["--release", "-p", "jackfield"])
    folder = root / "target" / ("debug" if short else "release")
    return pathlib.Path(binary or folder / "jackfield").resolve(), folder / "jackfield-bench"
