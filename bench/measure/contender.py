"""One of those that are compared, in one row: the programs it consists of and their configurations."""

import contextlib
import dataclasses
import time

from . import tree
from .processes import Failed, Server, place
from .programs import PROGRAMS
from .template import render


#: The module of nginx that relays.
STREAM = "ngx_stream_module.so"

#: Bytes of a buffer, where a peer lets it be set: the default of most.
BUFFER = 16 << 10


@dataclasses.dataclass
class Contender:
    """Templates of programs; the last one is what clients connect to, and it finds those before it as BACKEND."""

    label: str
    templates: tuple

    @property
    def programs(self):
        return [template.split("/")[0] for template in self.templates]

    @property
    def is_ours(self):
        return self.label.startswith("Jackfield")

    def is_present(self, tools):
        """Whether all of its programs are there, and the modules they need."""
        if not all(PROGRAMS[name].find(tools) for name in self.programs):
            return False
        needs_stream = any("@NGINX_STREAM@" in text_of(tools, template) for template in self.templates)
        return not needs_stream or tools.nginx_module(STREAM) is not None

    @contextlib.contextmanager
    def running(self, session, backend=None, processes=None, **more):
        """Runs it: gives what clients connect to, when it accepts."""
        with contextlib.ExitStack() as stack:
            servers, at, behind = [], None, backend or ("127.0.0.1", 9)
            for template in self.templates:
                if at:
                    behind = at
                at = place()
                server = start(session, template, at, behind, processes or session.processes, more)
                stack.callback(server.stop)
                servers.append(server)
                # Crossbar.io's workers are there one after the other, each with a socket of its own.
                server.wait_for(*at, sockets=text_of(session.tools, template).count("@PORT@"))
            running = Running(self, at, servers)
            running.rests()
            yield running


@dataclasses.dataclass
class Running:
    """A contender that runs."""

    contender: Contender
    at: tuple
    servers: list

    def pids(self):
        return tree.pids([server.pid for server in self.servers], self.is_left_out)

    def rests(self):
        """Waits until no process is starting any more: a socket may accept before all of them are there."""
        then, end = None, time.monotonic() + 10
        while (now := set(self.pids())) != then and time.monotonic() < end:
            then = now
            tree.settled(now, 10)

    @staticmethod
    def is_left_out(pid):
        """The programs that write lines are not what is measured."""
        return "lines" in tree.program(pid)[1:2]

    def check(self):
        for server in self.servers:
            if server.process.poll() is not None:
                raise Failed(f"{server.name} ended with {server.process.returncode}:\n{server.last_words()}")


def text_of(tools, template):
    """Ours are in bench/jackfield, the others in bench/peers."""
    folder = "." if template.startswith("jackfield/") else "peers"
    return (tools.root / "bench" / folder / template).read_text()


def start(session, template, at, behind, processes, more=None):
    """Starts a program with a configuration made from its template."""
    name = template.split("/")[0]
    program, tools = PROGRAMS[name], session.tools
    path = program.find(tools)
    folder = session.folder(name)
    config = folder / (program.config or template.split("/")[1])
    values = {
        "ADDRESS": at[0], "PORT": at[1], "BACKEND_ADDRESS": behind[0], "BACKEND_PORT": behind[1],
        "PROCESSES": processes, "DIR": folder, "FILES": session.files,
        "CERTIFICATE": session.secrets / "server.crt", "KEY": session.secrets / "server.key",
        "PEM": session.secrets / "server.pem", "LOAD": tools.load,
        "BUFFER": BUFFER, "PIPE": BUFFER, "S6_LOG": tools.system("s6-log"),
        "NGINX_STREAM": tools.nginx_module(STREAM), **(more or {}),
    }
    config.write_text(render(text_of(tools, template), values))
    unpacked = tools.unpacked in path.parents
    env = tools.env if unpacked else None
    return Server(name, program.command(path, config, at), folder / "log", env, cwd=folder)
