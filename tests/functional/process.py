"""A real `twistd`: started, told, measured, and always ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from tests.functional.waiting import eventually

TWISTD = str(Path(sysconfig.get_path("scripts")) / "twistd")
ACTIVATION = str(Path(__file__).with_name("activation.py"))
PATIENCE = 20.0
"""Seconds after which a process that does not do what it should is given up."""
UNWANTED = ("Traceback", "Unhandled", "#critical]")
"""What no log may hold."""


def run(*arguments: str | Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """`twistd ARGUMENTS`, to its end."""
    return subprocess.run(
        [TWISTD, *map(str, arguments)], cwd=directory, capture_output=True, text=True, timeout=PATIENCE
    )


class Twistd:
    """`twistd -n lb ARGUMENTS` in `directory`, from entering it until it is left.

    It is entered when the process has said READY=1. Leaving it ends the process and fails where the log
    tells of something that nobody expected.
    """

    def __init__(
        self,
        directory: Path,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        sockets: Mapping[str, socket.socket] | None = None,
    ) -> None:
        """`sockets` are listening ones that it is given by its service manager, by name."""
        self.directory = directory
        self.notes: list[str] = []
        """What it has told its service manager so far, a line each."""
        self._given = [each.fileno() for each in (sockets or {}).values()]
        activation = (
            [sys.executable, ACTIVATION, ":".join(sockets), ",".join(map(str, self._given))]
            if sockets
            else []
        )
        self._command = [*wrapper, *activation, TWISTD, "-n", "--pidfile=", "lb", *map(str, arguments)]
        self._environ = dict(environ or {})
        self._log = directory / "stdout.txt"
        self._manager: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Twistd:
        address = self.directory / "notify"
        address.unlink(missing_ok=True)  # of one before in the same directory
        self._manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._manager.bind(str(address))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self.directory,
                env={**os.environ, **self._environ, "NOTIFY_SOCKET": str(address)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=self._given,
            )
        try:
            self.wait_for_note("READY=1")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()
        if error is None:
            assert [line for line in self.log.splitlines() if any(word in line for word in UNWANTED)] == []

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        """All that it has printed so far."""
        return self._log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    def wait_for_log(self, text: str, times: int = 1) -> None:
        """Until `text` stands in the log so many times."""
        eventually(lambda: self.log.count(text) >= times, PATIENCE, lambda: f"{text!r} in:\n{self.log}")

    def wait_for_note(self, line: str) -> None:
        """Until it has told its service manager `line`."""
        eventually(lambda: line in self.heard(), PATIENCE, lambda: f"{line} in {self.notes}:\n{self.log}")

    def heard(self) -> list[str]:
        """`notes`, brought up to date. Fails when the process has ended without a word of its own."""
        assert self._manager is not None
        with contextlib.suppress(BlockingIOError):
            while True:
                self.notes += self._manager.recv(4096).decode().split("\n")
        assert self.running or "STOPPING=1" in self.notes, f"it has ended:\n{self.log}"
        return self.notes

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = PATIENCE) -> int:
        """Its exit status, once it has ended. Raises TimeoutExpired."""
        return self.process.wait(seconds)

    def descriptors(self) -> int:
        """How many are open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def rss(self) -> int:
        """Bytes of resident memory."""
        fields = Path(f"/proc/{self.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")

    def ports(self, host: str) -> list[int]:
        """The TCP ports of the IP address `host` on which it listens."""
        return [port for address, port in self._listening() if address == host]

    def port(self, host: str) -> int:
        """The only one of `ports`."""
        (port,) = self.ports(host)
        return port

    def _listening(self) -> Iterator[tuple[str, int]]:
        inodes = set()
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            with contextlib.suppress(FileNotFoundError):
                inodes.add(os.readlink(f"/proc/{self.pid}/fd/{name}"))
        for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
            for line in Path(f"/proc/{self.pid}/net/{table}").read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:  # TCP_LISTEN
                    address, _, port = fields[1].partition(":")
                    yield socket.inet_ntop(family, _network_order(address)), int(port, 16)

    def _end(self) -> None:
        """Politely, then not."""
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
            if self.running:
                self.signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.wait(3)
        if self._manager is not None:
            self._manager.close()


def _network_order(words: str) -> bytes:
    """The bytes of an address of /proc/net/tcp: words of 32 bits in the machine's order, which is little."""
    raw = bytes.fromhex(words)
    return b"".join(raw[at : at + 4][::-1] for at in range(0, len(raw), 4))
