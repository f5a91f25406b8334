"""HTTP servers that keep a log, a load balancer over them, and programs that ask it."""

from __future__ import annotations

import contextlib
import http.client
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.functional.balancer import Balancer, app
from tests.functional.peers import Address
from tests.functional.process import PATIENCE
from tests.functional.real_servers import hosts

WORKER = Path(__file__).with_name("http_worker.py")

CLOSED = "CLOSED"
"""The method in the line of a WebSocket's end."""
ERROR_LINES = ("Socket errors", "Non-2xx")
"""What wrk says only where something went wrong."""


class Logged(NamedTuple):
    """A line of a worker's log."""

    at: float
    """When the request came, on the monotonic clock."""
    method: str
    target: str


class Worker:
    """`http_worker.py` in a process of its own, from entering it until it is left."""

    def __init__(self, name: str, host: str, directory: Path) -> None:
        self.name = name
        self.host = host
        self.port = 0
        self._log = directory / f"{name}.requests.txt"
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.kill()

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def requests(self) -> list[Logged]:
        """All that have come, also before it was started again."""
        return [line for line in self._lines() if line.method != CLOSED]

    @property
    def closed(self) -> list[Logged]:
        """The ends of its WebSockets: the target is the code of the Close frame that it was sent."""
        return [line for line in self._lines() if line.method == CLOSED]

    def start(self) -> None:
        """Returns when it listens, where it did before."""
        words = (self.name, self.host, self.port, self._log)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(WORKER), *map(str, words)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """As by `kill -9`, and returns when it is dead."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _lines(self) -> list[Logged]:
        """A line that is not whole is left out."""
        words = (line.split(" ") for line in self._log.read_text().split("\n")[:-1])
        return [Logged(float(at), method, target) for at, method, target in words]


@contextlib.contextmanager
def workers(directory: Path, *names: str) -> Iterator[list[Worker]]:
    """One for each name, on hosts of their own."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(Worker(name, host, directory))
            for name, host in zip(names, hosts(), strict=False)
        ]


def http_app(servers: Mapping[str, str], *, shutdown_timeout: float = 0, **tables: str) -> str:
    """`balancer.app`, of an http listener."""
    return app(servers, shutdown_timeout=shutdown_timeout, **tables).replace(
        'protocol = "tcp"', 'protocol = "http"'
    )


def over(servers: Sequence[Worker], *, shutdown_timeout: float = 0, **tables: str) -> str:
    """`http_app` of these."""
    named = {server.name: str(server) for server in servers}
    return http_app(named, shutdown_timeout=shutdown_timeout, **tables)


def url(lb: Balancer, target: str = "/") -> str:
    """Where `target` is at its listener."""
    host, port = lb.address
    return f"http://{host}:{port}{target}"


def program(name: str) -> str:
    """The path of a program; skips where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def output(*words: str, seconds: float = PATIENCE, status: int = 0, given: bytes | None = None) -> str:
    """What a program prints on both its outputs; it must end with `status`."""
    done = subprocess.run(
        [program(words[0]), *words[1:]],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=seconds,
    )
    text = done.stdout.decode(errors="replace")
    assert done.returncode == status, f"{words}: {done.returncode}\n{text}"
    return text


def curl(*words: str, status: int = 0, given: bytes | None = None) -> str:
    """`curl -sS`, for 10 s at most."""
    return output("curl", "-sS", "--max-time", "10", *words, status=status, given=given)


class Wrk:
    """`wrk` with 64 kept connections for so many seconds, under way from entering it."""

    CONNECTIONS = 64

    def __init__(self, address: str, seconds: int, connections: int = CONNECTIONS) -> None:
        words = ("-t1", f"-c{connections}", f"-d{seconds}", "--timeout", "5", address)
        self._command = [program("wrk"), *words]
        self._seconds = seconds
        self._process: subprocess.Popen[str] | None = None
        self.text = ""

    def __enter__(self) -> Wrk:
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def __exit__(self, *raised: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()

    def ends(self) -> None:
        """Wait until it has said how it went."""
        assert self._process is not None
        self.text, _ = self._process.communicate(timeout=self._seconds + PATIENCE)
        assert "requests in" in self.text, self.text

    @property
    def requests(self) -> int:
        """How many were answered."""
        return int(self.text.partition(" requests in")[0].split()[-1])

    @property
    def errors(self) -> list[str]:
        """What it says of requests that were not answered with 2xx or 3xx."""
        return [line.strip() for line in self.text.splitlines() if any(word in line for word in ERROR_LINES)]

    @property
    def socket_errors(self) -> Counter[str]:
        """Of its own counts: connect, read, write, timeout."""
        found = [line for line in self.errors if line.startswith("Socket errors: ")]
        pairs = [pair.split() for line in found for pair in line.partition(": ")[2].split(", ")]
        return Counter({kind: int(count) for kind, count in pairs})


class Asked:
    """One GET on a connection of its own, under way from the first."""

    def __init__(self, address: Address, target: str) -> None:
        self.status = 0
        self.fields: dict[str, str] = {}
        self.body = b""
        self.error: Exception | None = None
        self._address = address
        self._target = target
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def ends(self) -> None:
        """Wait until it is answered, or has failed."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "no answer"

    def _run(self) -> None:
        connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE)
        with contextlib.closing(connection):
            try:
                connection.request("GET", self._target)
                answer = connection.getresponse()
                self.status, self.fields = answer.status, dict(answer.getheaders())
                self.body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                self.error = error


class Kept:
    """So many clients that ask again and again, each on one connection while it may, until refused."""

    def __init__(self, address: Address, clients: int) -> None:
        self.answered = 0
        self.refused = 0
        """Clients that could not connect any more."""
        self.crossed = 0
        """Requests that were sent when the connection had been closed: they saw a clean end."""
        self.errors: list[str] = []
        self._address = address
        self._counts = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Kept:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """They end when they are refused."""

    def ends(self) -> None:
        """Wait until all have been refused."""
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()

    def _run(self) -> None:
        while True:
            connection = http.client.HTTPConnection(*self._address, timeout=PATIENCE)
            with contextlib.closing(connection):
                try:
                    connection.connect()
                except ConnectionRefusedError:
                    with self._counts:
                        self.refused += 1
                    return
                try:
                    while self._ask(connection):
                        pass
                except http.client.RemoteDisconnected:
                    with self._counts:
                        self.crossed += 1
                except (OSError, http.client.HTTPException) as error:
                    with self._counts:
                        self.errors.append(repr(error))

    def _ask(self, connection: http.client.HTTPConnection) -> bool:
        """One request; False when the connection is not kept."""
        connection.request("GET", "/")
        answer = connection.getresponse()
        answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(answer.status)
        with self._counts:
            self.answered += 1
        return not answer.will_close
