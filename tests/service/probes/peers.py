"""Servers for checks to ask: well, ill and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from lbtwist.model.health import CheckResult

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


class Peer(Protocol):
    """Says what the test has it say, when a request has come; keeps what it received."""

    def __init__(self, says: bytes = b"", then: str = "") -> None:
        self.received = b""
        self.lost: Deferred[BaseException] = Deferred()
        """Fires when the connection is gone, with the reason."""
        self._says = says
        self._then = then

    def dataReceived(self, data: bytes) -> None:
        answered = b"\r\n\r\n" in self.received
        self.received += data
        if not answered and b"\r\n\r\n" in self.received:
            self.say(self._says)
            if self._then:
                getattr(self.transport, self._then)()

    def say(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        assert reason.value is not None
        self.lost.callback(reason.value)


class Flood(Peer):
    """Sends for as long as it is let, from `says` on."""

    def __init__(self, says: bytes, piece: bytes = b"x" * 16384) -> None:
        super().__init__(says, then="")
        self.sent = 0
        self._piece = piece

    def say(self, data: bytes) -> None:
        super().say(data)
        transport: Any = self.transport
        transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        self.sent += len(self._piece)
        super().say(self._piece)

    def stopProducing(self) -> None:
        pass


class Server(Factory):
    """Makes peers, and keeps them."""

    noisy = False

    def __init__(self, make: Callable[[], Peer] = Peer) -> None:
        self.peers: list[Peer] = []
        self.accepted: Deferred[Peer] = Deferred()
        """Fires with the first of them."""
        self._make = make

    def buildProtocol(self, addr: object) -> Peer:
        peer = self._make()
        self.peers.append(peer)
        if len(self.peers) == 1:
            self.accepted.callback(peer)
        return peer


def got(asked: Deferred[CheckResult]) -> list[CheckResult]:
    """What `asked` has fired with, if it has."""
    results: list[CheckResult] = []
    asked.addCallback(results.append)
    return results


def settle(clock: Clock) -> None:
    """All happens that can without time."""
    for _ in range(100):
        clock.advance(0)
