"""What holds for a whole run."""

import dataclasses
import itertools
import pathlib
import subprocess

from .programs import Tools

SMALL, LARGE = 1000, 1_000_000


@dataclasses.dataclass
class Session:
    """A run of the bench."""

    tools: Tools
    directory: pathlib.Path  # temporary, of this run alone
    short: bool
    counts_calls: bool = False  # system calls are counted, too, in the first round
    processes: int = 2  # of a server, and threads of those that have threads
    numbers: itertools.count = dataclasses.field(default_factory=itertools.count)

    def __post_init__(self):
        self.files.mkdir()
        (self.files / "small.txt").write_bytes(b"s" * SMALL)
        (self.files / "large.txt").write_bytes(b"l" * LARGE)
        self.secrets.mkdir(mode=0o700)
        subprocess.run([self.tools.load, "certificate", self.secrets], check=True)
        pem = (self.secrets / "server.crt").read_text() + (self.secrets / "server.key").read_text()
        (self.secrets / "server.pem").write_text(pem)

    @property
    def files(self):
        """What web servers serve."""
        return self.directory / "files"

    @property
    def secrets(self):
        """Certificate and key."""
        return self.directory / "secrets"

    def folder(self, name):
        """An empty directory."""
        folder = self.directory / f"{next(self.numbers)}-{name}"
        folder.mkdir()
        return folder

    def scaled(self, count):
        """How much of a workload is run."""
        return max(count // 100, 8) if self.short else count

    @property
    def seconds(self):
        """How long a workload runs at most."""
        return 2 if self.short else 5
