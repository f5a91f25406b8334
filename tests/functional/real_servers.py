"""Servers that can be killed, stopped and started again; servers that are checked where a test says how."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import cast

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.certificates import Issued
from tests.functional.peers import BACKLOG, Address, Server, Watch

GREETER = Path(__file__).with_name("greeter.py")
POLL = 0.02
"""Seconds within which a server in this process ends."""


def hosts() -> Iterator[str]:
    """Addresses of this machine, for servers that are to differ in more than the port."""
    return (f"127.0.1.{number}" for number in count(1))


class ServerProcess:
    """A greeter in a process of its own. It is started again where it was."""

    def __init__(self, name: str, host: str, health_port: int = 0, backlog: int = BACKLOG) -> None:
        self.name = name
        self.host = host
        self.port = 0
        self.health_port = health_port
        self._backlog = backlog
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> ServerProcess:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.kill()

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def accepted(self) -> int:
        """How many connections it has accepted since it was started, checks at its port included."""
        url = f"http://{self.host}:{self.health_port}/"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.read())

    def start(self) -> None:
        """Returns when it listens."""
        words = (self.name, self.host, self.port, self.health_port, self._backlog)
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(GREETER), *map(str, words)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.port, self.health_port = map(int, self._process.stdout.readline().split())

    def kill(self) -> None:
        """As by `kill -9`, and returns when it is dead."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def stop(self) -> None:
        """SIGSTOP: the kernel goes on accepting for it, up to its backlog."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)


@contextlib.contextmanager
def processes(*names: str, **backlogs: int) -> Iterator[list[ServerProcess]]:
    """One for each name, on hosts of their own, with one port for their health; backlogs by name."""
    with contextlib.ExitStack() as stack:
        started: list[ServerProcess] = []
        for name, host in zip(names, hosts(), strict=False):
            health_port = started[0].health_port if started else 0
            server = ServerProcess(name, host, health_port, backlogs.get(name, BACKLOG))
            started.append(stack.enter_context(server))
        yield started


class HealthPage(ThreadingHTTPServer):
    """What a server answers when it is asked whether it is well, from entering it until it is left."""

    request_queue_size = BACKLOG

    def __init__(self, address: Address, issued: Issued | None = None, files: Path | None = None) -> None:
        """With a certificate, which is written to `files`, over TLS."""
        self.status = 200
        self.fields: dict[str, str] = {}
        self.body = b""
        self.delay = 0.0
        """Seconds before each answer."""
        self.asked = 0
        """How many requests it was sent."""
        self._context = issued and _context(issued, cast(Path, files))
        super().__init__(address, _Page)
        self._thread = threading.Thread(target=self.serve_forever, args=(POLL,), daemon=True)

    def __enter__(self) -> HealthPage:
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.shutdown()
        self.server_close()

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def host(self) -> str:
        return str(self.server_address[0])

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A check ends with a reset, and a bad certificate in the handshake."""

    def finish_request(self, request: object, client_address: object) -> None:
        if self._context is None:
            super().finish_request(cast(socket.socket, request), client_address)
            return
        with self._context.wrap_socket(cast(socket.socket, request), server_side=True) as secured:
            super().finish_request(secured, client_address)


class CheckedServer(Server):
    """A server with a page of its health, each at a port of its own."""

    def __init__(self, name: str, watch: Watch, page: HealthPage) -> None:
        super().__init__(name, watch, page.host)
        self.page = page


@contextlib.contextmanager
def checked_servers(watch: Watch, *names: str) -> Iterator[list[CheckedServer]]:
    """One for each name, on hosts of their own, with one port for their pages."""
    with contextlib.ExitStack() as stack:
        servers: list[CheckedServer] = []
        for name, host in zip(names, hosts(), strict=False):
            port = servers[0].page.port if servers else 0
            page = stack.enter_context(HealthPage((host, port)))
            servers.append(CheckedServer(name, watch, page))
        yield servers


class _Page(BaseHTTPRequestHandler):
    server: HealthPage
    timeout = 10

    def do_GET(self) -> None:
        page = self.server
        page.asked += 1
        time.sleep(page.delay)
        self.send_response(page.status)
        for name, value in page.fields.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing."""


def _context(issued: Issued, files: Path) -> ssl.SSLContext:
    path = files / f"{issued.certificate.serial_number}.pem"
    key = issued.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key + issued.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context
