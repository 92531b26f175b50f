"""The programs that are compared: where each is, its version, and how it is started with a configuration."""

import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
from typing import Callable


@dataclasses.dataclass
class Program:
    """A program; its templates are in the folder of its name."""

    name: str
    find: Callable  # (tools) -> path or None
    command: Callable  # (path, configuration, place) -> arguments
    version: Callable  # (path, tools) -> text
    config: str = ""  # the name its configuration must have; empty: that of the template


def output(*command, env=None):
    """Everything that a command says."""
    done = subprocess.run(
        [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, timeout=60, env=None if env is None else dict(os.environ, **env),
    )
    return done.stdout


def first(pattern, text):
    match = re.search(pattern, text)
    return match.group(1) if match else "unknown"


@dataclasses.dataclass
class Tools:
    """Where programs are: our own, the system's, those that were unpacked, and those of Python."""

    root: pathlib.Path
    jackfield: pathlib.Path
    load: pathlib.Path

    @property
    def home(self):
        return self.root / "target" / "bench"

    @property
    def unpacked(self):
        return self.home / "debian"

    @property
    def env(self):
        """For programs that were unpacked: their libraries are beside them."""
        folders = ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu")
        libraries = [str(self.unpacked / folder) for folder in folders]
        return {"LD_LIBRARY_PATH": ":".join(libraries), "PYTHONDONTWRITEBYTECODE": "1"}

    def system(self, *names):
        """A program of the system, or one that was unpacked."""
        for name in names:
            if found := shutil.which(name, path="/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]):
                return pathlib.Path(found)
            for folder in ("usr/sbin", "usr/bin", "bin", "sbin"):
                if (path := self.unpacked / folder / name).exists():
                    return path
        return None

    def python(self, venv, name):
        """A program of a virtual environment."""
        path = self.home / venv / "bin" / name
        return path if path.exists() else None

    def nginx_module(self, name):
        for folder in ("/usr/lib/nginx/modules", self.unpacked / "usr/lib/nginx/modules"):
            if (path := pathlib.Path(folder) / name).exists():
                return path
        return None


def pip_version(package, venv):
    return lambda path, tools: first(
        r"Version: (\S+)", output(tools.home / venv / "bin" / "python", "-m", "pip", "show", package)
    )


PROGRAMS = {
    program.name: program
    for program in (
        Program(
            "jackfield",
            lambda tools: tools.jackfield,
            lambda path, config, place: [path, "start", "--dir", config.parent],
            lambda path, tools: first(r"jackfield (\S+)", output(path, "version")),
            config="config.yaml",
        ),
        Program(
            "haproxy",
            lambda tools: tools.system("haproxy"),
            lambda path, config, place: [path, "-db", "-f", config],
            lambda path, tools: first(r"version (\S+)", output(path, "-v", env=tools.env)),
        ),
        Program(
            "nginx",
            lambda tools: tools.system("nginx"),
            lambda path, config, place: [path, "-p", config.parent, "-c", config],
            lambda path, tools: first(r"nginx/(\S+)", output(path, "-v", env=tools.env)),
        ),
        Program(
            "hitch",
            lambda tools: tools.system("hitch"),
            lambda path, config, place: [path, f"--config={config}"],
            lambda path, tools: first(r"hitch (\S+)", output(path, "--version", env=tools.env)),
        ),
        Program(
            "sslh",
            lambda tools: tools.system("sslh-select"),
            lambda path, config, place: [path, "--foreground", f"-F{config}"],
            lambda path, tools: first(r"(\d+\.\d\S*)", output(path, "-V", env=tools.env)),
        ),
        Program(
            "crossbar",
            lambda tools: tools.python("venv-crossbar", "crossbar"),
            lambda path, config, place: [path, "start", "--cbdir", config.parent, "--loglevel", "none"],
            pip_version("crossbar", "venv-crossbar"),
            config="config.json",
        ),
        Program(
            "gunicorn",
            lambda tools: tools.python("venv-tools", "gunicorn"),
            lambda path, config, place: [path, "-c", config, "hello:application"],
            pip_version("gunicorn", "venv-tools"),
        ),
        Program(
            "supervisord",
            lambda tools: tools.python("venv-tools", "supervisord"),
            lambda path, config, place: [path, "-c", config],
            pip_version("supervisor", "venv-tools"),
        ),
        Program(
            "circus",
            lambda tools: tools.python("venv-tools", "circusd"),
            lambda path, config, place: [path, config],
            pip_version("circus", "venv-tools"),
        ),
        Program(
            "s6-log",
            lambda tools: tools.system("s6-log"),
            lambda path, config, place: ["sh", config],
            lambda path, tools: first(r"Version: (\S+)", output("apt-cache", "show", "s6")),
        ),
        Program(
            "nats-server",
            lambda tools: tools.system("nats-server"),
            lambda path, config, place: [path, "-c", config],
            lambda path, tools: first(r"v(\d\S*)", output(path, "--version", env=tools.env)),
        ),
        Program(
            "redis-server",
            lambda tools: tools.system("redis-server"),
            lambda path, config, place: [path, config],
            lambda path, tools: first(r"v=(\S+)", output(path, "--version", env=tools.env)),
        ),
        Program(
            "mosquitto",
            lambda tools: tools.system("mosquitto"),
            lambda path, config, place: [path, "-c", config],
            lambda path, tools: first(r"version (\S+)", output(path, "-h", env=tools.env)),
        ),
        Program(
            "hub",
            lambda tools: tools.load,
            lambda path, config, place: [path, "hub", f"{place[0]}:{place[1]}"],
            lambda path, tools: locked(tools, "jackfield-bench"),
        ),
        *(
            Program(
                library,
                lambda tools: tools.load,
                lambda path, config, place, library=library: [
                    path, "echo", library, f"{place[0]}:{place[1]}", *config.read_text().split()
                ],
                lambda path, tools, name=name: locked(tools, name),
            )
            for library, name in (("fastwebsockets", "fastwebsockets"), ("tungstenite", "tokio-tungstenite"))
        ),
    )
}


def locked(tools, crate):
    """The version of a crate that Cargo.lock names."""
    return first(rf'name = "{crate}"\nversion = "([^"]+)"', (tools.root / "Cargo.lock").read_text())
