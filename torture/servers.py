"""The servers behind the load balancers, as processes that can be killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.ground import ROOT
from benchmarks.processes import free_ports

HOSTS = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
"""Each has an address of its own, so that packets to it can be dropped."""


class Server:
    """`torture.server` in a process, from entering it until it is left; it listens where it did before."""

    def __init__(self, name: str, host: str, directory: Path) -> None:
        self.name = name
        self.host = host
        self.port, self.raw_port = free_ports(2)
        self._posts = directory / f"{name}.posts"
        self._posts.touch()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it serves."""
        words = (self.name, self.host, self.port, self.raw_port, self._posts)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "torture.server", *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def kill(self) -> None:
        """By SIGKILL; returns when it is dead."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """It must run."""
        assert self._process is not None
        self._process.send_signal(number)

    @property
    def posts(self) -> list[int]:
        """The numbers of the POSTs that have come, also before it was started again."""
        return [int(line) for line in self._posts.read_text().split()]


@contextlib.contextmanager
def serving(directory: Path) -> Iterator[list[Server]]:
    """ecs01, ecs02 and ecs03."""
    with contextlib.ExitStack() as stack:
        servers = [Server(f"ecs0{number}", host, directory) for number, host in enumerate(HOSTS, 1)]
        yield [stack.enter_context(server) for server in servers]
