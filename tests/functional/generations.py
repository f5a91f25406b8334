"""A load balancer that is upgraded: one process after the other, told apart by their MAINPID."""

from __future__ import annotations

import contextlib
import os
import re
import signal
from pathlib import Path

from tests.functional.balancer import Balancer
from tests.functional.http_harness import Wrk
from tests.functional.process import PATIENCE
from tests.functional.waiting import eventually

READY_WITHIN = 35.0
"""Seconds that an upgrade may take: as many as it is given, and some."""
LONGEST = 300
"""Seconds."""


def alive(pid: int) -> bool:
    """The process runs; one that nobody has waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


class Generations(Balancer):
    """Several processes; `pid` is the newest that has said it is ready."""

    def __enter__(self) -> Generations:
        super().__enter__()
        return self

    @property
    def pids(self) -> list[int]:
        """All of them, the oldest first."""
        said = [line.partition("=")[2] for line in self.notes if line.startswith("MAINPID=")]
        return list(dict.fromkeys([self.process.pid, *map(int, said)]))

    @property
    def pid(self) -> int:
        return self.pids[-1]

    @property
    def started(self) -> list[int]:
        """Those that were started, be they ready or not."""
        return [int(pid) for pid in re.findall(r"new generation starts, process ([0-9]+)", self.log)]

    @property
    def running(self) -> bool:
        return self.process.poll() is None or any(map(alive, self.started))

    def signal(self, number: signal.Signals) -> None:
        """To the newest."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Until all have ended."""
        eventually(lambda: not self.running, seconds, lambda: f"{self.pids} run:\n{self.log}")
        return self.process.wait(0)

    def upgrade(self) -> int:
        """By signal, to the next generation that is ready; returns the pid of the one before."""
        before = self.pid
        self.signal(signal.SIGUSR2)
        eventually(lambda: self.heard() != [] and self.pid != before, READY_WITHIN, lambda: self.log)
        return before

    def gone(self, pid: int) -> None:
        """Wait until that generation has ended."""
        eventually(lambda: (self.process.poll(), not alive(pid))[1], PATIENCE, lambda: self.log)

    def _end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            for pid in filter(alive, [self.process.pid, *self.started]):
                os.kill(pid, number)
            with contextlib.suppress(AssertionError):
                self.wait(3)
        super()._end()


class NewConnections(Wrk):
    """`wrk` with a connection for each request, or with kept ones, until `finish`."""

    def __init__(self, address: str, *, kept: bool) -> None:
        super().__init__(address, LONGEST)
        if not kept:
            self._command[1:1] = ["-H", "Connection: close"]

    def __enter__(self) -> NewConnections:
        super().__enter__()
        return self

    def finish(self) -> None:
        """Have it say how it went."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self.ends()
