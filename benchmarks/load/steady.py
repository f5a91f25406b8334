"""Requests at a steady rate over kept connections, whether or not they are answered: who stalls is seen."""

from __future__ import annotations

import contextlib
import gc
import select
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType

from benchmarks.figures import percentile
from benchmarks.ground import HOST
from benchmarks.processes import Failed

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
TIMEOUT = 10.0
LOOK = 0.01
"""Seconds between two looks at whether it is to stop."""
LAST = 1.0
"""Seconds that the last requests may take."""

Tick = Callable[[float], bool]
"""Called now and then with the seconds since the begin; True ends the load."""


class Latencies:
    """How long requests took, in milliseconds, and how many had no answer."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.cut = 0
        """Requests whose connection was closed under them."""

    def percentile(self, percent: float) -> float:
        """Raises Failed where nothing was answered."""
        if not self.values:
            raise Failed("nothing was answered")
        return percentile(self.values, percent)

    @property
    def longest(self) -> float:
        """The longest that anything took. Raises Failed where nothing was answered."""
        return self.percentile(100)


class Steady:
    """`clients` connections to `port`, from entering it until it is left. Each has had an answer."""

    def __init__(self, port: int, clients: int) -> None:
        self._port = port
        self._count = clients
        self._sockets: dict[int, socket.socket] = {}
        self._sent: dict[int, float] = {}
        """When those that wait for an answer have sent their request."""
        self._heard: dict[int, int] = {}
        self._free: deque[int] = deque()
        """Those that have had their answer, and some that are closed: to look for each would be a stall."""
        self._size = 0
        """Bytes of an answer, which are the same each time."""

    def __enter__(self) -> Steady:
        try:
            for _ in range(self._count):
                self._connect()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._close()

    @property
    def connected(self) -> int:
        """How many connections are left."""
        return len(self._sockets)

    def run(self, rate: float, seconds: float, tick: Tick = lambda now: False) -> Latencies:
        """`rate` requests a second, each on the connection that was free for the longest.

        Where none is free, requests wait for one, and that counts as part of what they take.
        """
        found = Latencies()
        with select.epoll() as poll, _without_collections():
            for number in self._sockets:
                poll.register(number, select.EPOLLIN)
            begin = time.perf_counter()
            due = looked = begin
            while (now := time.perf_counter()) - begin < seconds:
                if now - looked >= LOOK:
                    looked = now
                    if tick(now - begin):
                        break
                while due <= now and self._free:
                    number = self._free.popleft()
                    if number in self._sockets:
                        self._send(number, due if now - due > LOOK else now, found)
                        due += 1 / rate
                self._hear(poll, found)
            self._finish(poll, found)
        return found

    def _finish(self, poll: select.epoll, found: Latencies) -> None:
        until = time.perf_counter() + LAST
        while self._sent and time.perf_counter() < until:
            self._hear(poll, found)
        now = time.perf_counter()
        found.values += [(now - sent) * 1e3 for sent in self._sent.values()]

    def _hear(self, poll: select.epoll, found: Latencies) -> None:
        for number, _ in poll.poll(0.001):
            try:
                size = len(self._sockets[number].recv(65536))
            except OSError:
                size = 0
            if not size:
                self._lose(number, found)
                continue
            self._heard[number] += size
            if self._heard[number] >= self._size and number in self._sent:
                self._heard[number] = 0
                found.values.append((time.perf_counter() - self._sent.pop(number)) * 1e3)
                self._free.append(number)

    def _send(self, number: int, when: float, found: Latencies) -> None:
        self._sent[number] = when
        try:
            self._sockets[number].send(REQUEST)
        except OSError:
            self._lose(number, found)

    def _lose(self, number: int, found: Latencies) -> None:
        if self._sent.pop(number, None) is not None:
            found.cut += 1
        self._sockets.pop(number).close()

    def _connect(self) -> None:
        connection = asked(self._port)
        self._sockets[connection[0].fileno()] = connection[0]
        self._heard[connection[0].fileno()] = 0
        self._free.append(connection[0].fileno())
        self._size = connection[1]

    def _close(self) -> None:
        for each in self._sockets.values():
            each.close()


def asked(port: int, request: bytes = REQUEST) -> tuple[socket.socket, int]:
    """A connection over which `request` was answered once, and the bytes of that answer. Raises Failed."""
    connection = socket.create_connection((HOST, port), timeout=TIMEOUT)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sendall(request)
    data = connection.recv(65536)
    if not data.startswith(b"HTTP/1.1 200 "):
        connection.close()
        raise Failed(f"a request was not answered: {data[:200]!r}")
    return connection, len(data)


@contextlib.contextmanager
def _without_collections() -> Iterator[None]:
    """A collection of garbage here would be taken for a stall there."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
