"""Processes on a core of their own: started, measured, and always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from benchmarks.figures import Usage

TICK = 1 / os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PATIENCE = 3.0
"""Seconds that a process has to end by itself."""


class Failed(Exception):
    """A program did not do what the benchmark needs, with a text for people."""


TROUBLE = (Failed, OSError, subprocess.SubprocessError)
"""What may go wrong with one proxy in one case; the others go on."""


def cores() -> tuple[int, int]:
    """One for the proxy, one for load and servers; the same one where this process may use no other."""
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started in here runs on `core` alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def family(pid: int) -> Iterator[int]:
    """`pid` and all that it has started which still runs."""
    yield pid
    with contextlib.suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            for child in Path(f"/proc/{pid}/task/{task}/children").read_text().split():
                yield from family(int(child))


def usage_in(stat: str) -> Usage:
    """What the text of /proc/PID/stat says of CPU: proc(5). The name in it may hold any character."""
    fields = stat.rpartition(")")[2].split()
    return Usage(int(fields[11]) * TICK, int(fields[12]) * TICK)


class Child:
    """`words` on `core`, from entering it until it is left; what it prints goes to a file in `directory`."""

    def __init__(
        self, words: Sequence[str], core: int, directory: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.log = directory / "log"
        self._words = words
        self._core = core
        self._directory = directory
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Child:
        with self.log.open("wb") as log, on_core(self._core):
            self._process = subprocess.Popen(
                self._words,
                cwd=self._directory,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the benchmark, which ends them in order; its children are one group.
                start_new_session=True,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._running.poll() is None:
                self._running.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._running.wait(PATIENCE)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running.pid, signal.SIGKILL)

    @property
    def usage(self) -> Usage:
        """CPU that it and its children have used so far."""
        used = Usage()
        for pid in family(self._running.pid):
            with contextlib.suppress(OSError):
                used += usage_in(Path(f"/proc/{pid}/stat").read_text())
        return used

    @property
    def resident(self) -> int:
        """Bytes of memory that it and its children have."""
        everyone = family(self._running.pid)
        return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in everyone) * PAGE

    def hang_up(self) -> None:
        """SIGHUP."""
        self._running.send_signal(signal.SIGHUP)

    def must_run(self) -> None:
        """Raises Failed, with the last that it has printed, when it has ended."""
        if self._running.poll() is not None:
            said = self.log.read_text(errors="replace").strip()[-1000:]
            raise Failed(f"{self._words[0]} has ended with status {self._running.returncode}: {said}")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process


def free_ports(count: int) -> list[int]:
    """TCP ports that nobody has now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
