"""A load balancer that is upgraded: one process after the other, told apart by their MAINPID."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

from tests.functional.balancer import Balancer
from tests.functional.process import PATIENCE
from tests.functional.waiting import eventually


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
    def running(self) -> bool:
        return self.process.poll() is None or any(map(alive, self.pids[1:]))

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
        eventually(lambda: self.heard() != [] and self.pid != before, PATIENCE, lambda: self.log)
        return before

    def gone(self, pid: int) -> None:
        """Wait until that generation has ended."""
        eventually(lambda: (self.process.poll(), not alive(pid))[1], PATIENCE, lambda: self.log)

    def _end(self) -> None:
        super()._end()
        for pid in self.pids:
            if pid != self.process.pid and alive(pid):
                os.kill(pid, signal.SIGKILL)
