"""A server that greets, and answers each line with its name."""

from __future__ import annotations

from twisted.internet.protocol import ServerFactory
from twisted.protocols.basic import LineOnlyReceiver


class Answer(LineOnlyReceiver):
    """One conversation."""

    delimiter = b"\n"
    MAX_LENGTH = 1024
    factory: Answers

    def connectionMade(self) -> None:
        self.sendLine(b"hello, this is %s" % self.factory.name)

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(b"%s: %s" % (self.factory.name, line.strip()))


class Answers(ServerFactory):
    """The server."""

    noisy = False
    protocol = Answer  # type: ignore[assignment]

    def __init__(self, name: str) -> None:
        self.name = name.encode()
