"""New clients at a steady rate, and what became of each."""

from __future__ import annotations

import math
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from types import TracebackType

from tests.functional.peers import Address, Side, Watch
from tests.functional.waiting import eventually

RATE = 100.0
"""Clients each second."""
SETTLING = 1.5
"""Seconds after which a client that has no answer is not waited for any more."""
FAREWELL = b"bye"
ATTEMPTS = 20


class Try(Side):
    """One client: it says a line, hears a server's name in the answer, and leaves."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.began = time.monotonic()
        self.answered = math.inf
        """When it had its answer."""

    @property
    def server(self) -> str:
        """Who answered; empty while nobody has."""
        return self.heard.rpartition(b": " + FAREWELL)[0].rpartition(b"\n")[2].decode()

    def hears(self, side: Side, data: bytes) -> None:
        if self.server and math.isinf(self.answered):
            self.answered = time.monotonic()
            self.leave()


class Load:
    """RATE new clients of `address` each second, from entering it until it is left."""

    def __init__(self, watch: Watch, address: Address, rate: float = RATE) -> None:
        self.tries: list[Try] = []
        self._watch = watch
        self._address = address
        self._pause = 1 / rate
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """No further clients; returns when each has its answer or its end, or is not waited for longer."""
        self._over.set()
        self._thread.join()
        until = time.monotonic() + SETTLING
        while time.monotonic() < until and any(not each.server and not each.end for each in self.tries):
            time.sleep(0.01)

    def begun(self, since: float = 0.0, until: float = math.inf) -> Iterator[Try]:
        """Those that began in that time."""
        return (each for each in list(self.tries) if since <= each.began < until)

    def servers(self, since: float = 0.0, until: float = math.inf) -> Counter[str]:
        """How many of them each server has answered, and under the empty name, how many nobody."""
        return Counter(each.server for each in self.begun(since, until))

    def failed(self, since: float = 0.0, until: float = math.inf) -> list[Try]:
        """Those that nobody has answered, to be asked when it has stopped."""
        return [each for each in self.begun(since, until) if not each.server]

    def late(self, seconds: float, since: float = 0.0) -> list[Try]:
        """Those that waited longer for their answer, or for nothing."""
        return [each for each in self.begun(since) if each.answered - each.began > seconds]

    def goes_on(self, count: int = 20) -> float:
        """Wait until so many more have been answered; returns when it was asked."""
        now = time.monotonic()
        eventually(
            lambda: sum(bool(each.server) for each in self.begun(now)) >= count,
            what=lambda: f"{count} clients answered, but {self.servers(now)}",
        )
        return now

    def reaches(self, server: str, seconds: float = 10.0) -> None:
        """Wait until a client that begins from now on is answered by `server`."""
        now = time.monotonic()
        eventually(lambda: self.servers(now)[server] > 0, seconds, lambda: f"{server} in {self.servers(now)}")

    def _run(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += self._pause
            each = Try(socket.create_connection(self._address, timeout=10))
            self.tries.append(each)
            self._watch.add(each, each.hears)
            each.say(f"{FAREWELL.decode()}\n")


def client_of(server: str, watch: Watch, address: Address) -> Side:
    """A client that `server` has greeted, which stays; others that were greeted first have left."""
    for _ in range(ATTEMPTS):
        client = watch.connect(address)
        client.hear("\n")
        if client.heard == f"hello, this is {server}\n".encode():
            return client
        client.leave()
        client.ended()
    raise AssertionError(f"{server} has greeted none of {ATTEMPTS} clients")


def talks(client: Side) -> None:
    """It says a line and has it answered."""
    client.heard.clear()
    client.say("are you there?\n")
    client.hear(": are you there?\n")


def turned_away(watch: Watch, address: Address) -> bool:
    """Whether a new client is closed without a word; else it is greeted, and leaves."""
    client = watch.connect(address)
    eventually(lambda: bool(client.heard) or client.end is not None)
    client.leave()
    client.ended()
    return not client.heard
