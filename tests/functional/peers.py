"""Clients and servers of a load balancer, and what they see, to the millisecond."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import NamedTuple

from tests.functional.waiting import eventually

HOST = "127.0.0.1"
BACKLOG = 1024

Address = tuple[str, int]


class End(NamedTuple):
    """How and when a connection was seen to end."""

    how: str
    """`fin` or `reset`."""
    at: float
    """On the monotonic clock."""


class Side:
    """One socket of a connection: what came in, and how it ended."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.heard = bytearray()
        self.end: End | None = None

    def say(self, text: str) -> None:
        """Send; nothing, where the connection has ended."""
        with contextlib.suppress(OSError):
            self.socket.sendall(text.encode())

    def hear(self, text: str) -> None:
        """Wait until `text` has come in."""
        eventually(lambda: text.encode() in self.heard, what=lambda: f"{text!r} in {bytes(self.heard)!r}")

    def ended(self, seconds: float = 10.0) -> End:
        """Its end, waited for."""
        eventually(lambda: self.end is not None, seconds, lambda: "the end of a connection")
        assert self.end is not None
        return self.end

    def leave(self) -> None:
        """Shut its sending down, as a client that has said all does; its Watch closes it with the other's."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)


React = Callable[[Side, bytes], None]


class Watch:
    """A thread that reads from every socket it is given and notes how each ends."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._woken)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._over = False
        self._now = 0.0
        """When what is being told of was seen: before that of the others in the same batch was read."""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over = True
        os.write(self._wake_write, b"x")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def connect(self, address: Address | str) -> Side:
        """A client of `address` (a path is a Unix socket's)."""
        if isinstance(address, str):
            connection = socket.socket(socket.AF_UNIX)
            connection.connect(address)
        else:
            connection = socket.create_connection(address, timeout=10)
        connection.settimeout(10)
        return self.add(Side(connection))

    def add(self, side: Side, react: React = lambda side, data: None) -> Side:
        """Read from it from now on, and call `react` with what comes."""
        self._selector.register(side.socket, selectors.EVENT_READ, lambda: self._read(side, react))
        return side

    def listen(self, listening: socket.socket, accepted: Callable[[socket.socket], None]) -> None:
        """Accept from it from now on."""
        self._selector.register(listening, selectors.EVENT_READ, lambda: accepted(listening.accept()[0]))

    def close(self, watched: socket.socket) -> None:
        """Watch it no more, and close it."""
        self._selector.unregister(watched)
        watched.close()

    def _run(self) -> None:
        while not self._over:
            ready = self._selector.select()
            self._now = time.monotonic()
            for key, _ in ready:
                key.data()

    def _woken(self) -> None:
        os.read(self._wake_read, 1)

    def _read(self, side: Side, react: React) -> None:
        try:
            data = side.socket.recv(65536)
        except OSError:
            self._ended(side, "reset")
            return
        if data:
            side.heard += data
            react(side, data)
        else:
            self._ended(side, "fin")

    def _ended(self, side: Side, how: str) -> None:
        side.end = End(how, self._now)
        self.close(side.socket)


class Server:
    """A server that greets with its name and answers each line with it; it sees each connection's end."""

    def __init__(self, name: str, watch: Watch, host: str = HOST) -> None:
        self.name = name
        self.sides: list[Side] = []
        self._watch = watch
        self._listening = socket.create_server((host, 0), backlog=BACKLOG)
        self.address: Address = self._listening.getsockname()
        watch.listen(self._listening, self._accepted)

    def __str__(self) -> str:
        return f"{self.address[0]}:{self.address[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._watch.close(self._listening)

    def _accepted(self, connection: socket.socket) -> None:
        side = Side(connection)
        self.sides.append(side)
        self._watch.add(side, self._answer)
        side.say(f"hello, this is {self.name}\n")

    def _answer(self, side: Side, data: bytes) -> None:
        for line in data.decode().splitlines():
            side.say(f"{self.name}: {line}\n")


class Talk:
    """A client that sends a line every 50 ms and hears the answers, from one server and no other."""

    INTERVAL = 0.05

    def __init__(self, watch: Watch, address: Address | str, server: Server) -> None:
        self.client = watch.connect(address)
        self.client.hear(f"hello, this is {server.name}\n")
        self.server = server.sides[-1]
        self._name = server.name
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def answers(self) -> int:
        """Lines that came back."""
        return self.client.heard.count(b"\n") - 1

    def goes_on(self) -> None:
        """Wait for two more lines each way."""
        before = self.answers
        eventually(lambda: self.answers >= before + 2, what=lambda: f"more than {before} answers")
        assert self.client.end is None
        assert self.server.end is None

    def stop(self) -> None:
        """Say no more."""
        self._over.set()
        self._thread.join()

    def leave(self) -> tuple[float, float]:
        """Say no more and close; returns two instants between which that was."""
        self.stop()
        before = time.monotonic()
        self.client.leave()
        return before, time.monotonic()

    def ends(self) -> tuple[End, End]:
        """The client's and the server's, waited for."""
        ends = self.client.ended(20), self.server.ended(1)
        self.stop()
        return ends

    def _run(self) -> None:
        for number in range(10**6):
            if self.client.end is not None or self._over.wait(self.INTERVAL):
                return
            self.client.say(f"line {number}\n")


@contextlib.contextmanager
def talking(watch: Watch, address: Address | str, server: Server) -> Iterator[Talk]:
    """A talk that is stopped in any case."""
    talk = Talk(watch, address, server)
    try:
        yield talk
    finally:
        talk.stop()


def asked(watch: Watch, address: Address | str) -> str:
    """The name of the server that a new connection gets; the connection is closed again."""
    client = watch.connect(address)
    client.hear("\n")
    client.leave()
    client.ended()
    return client.heard.decode().split()[-1]
