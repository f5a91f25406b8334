"""A real name server on loopback, whose records a test changes."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, cast

from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.names import common, dns, error, server

from lbtwist.service.nameservers import Server
from tests.service.still import reactor


class Zone(common.ResolverBase):
    """What the server knows."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[dns.RRHeader] = []
        self.additional: list[dns.RRHeader] = []
        """Sent with each answer."""
        self.failing: dict[str, type[Exception]] = {}
        """Names that are answered with an error."""
        self.silent = False
        self.asked: list[tuple[str, int]] = []

    def put(self, name: str, *payloads: Any, ttl: int = 300) -> None:
        """These records, and no others, are those of `name`."""
        self.records = [record for record in self.records if str(record.name) != name]
        self.records += [dns.RRHeader(name, each.TYPE, dns.IN, ttl, each) for each in payloads]

    def add(self, name: str, *payloads: Any, ttl: int = 300) -> None:
        """Send these with each answer from now on."""
        self.additional += [dns.RRHeader(name, each.TYPE, dns.IN, ttl, each) for each in payloads]

    def _lookup(self, name: bytes, cls: int, type: int, timeout: object) -> Deferred[Any]:
        text = name.decode()
        self.asked.append((text, type))
        if self.silent:
            return Deferred()
        if text in self.failing:
            return fail(self.failing[text](text))
        owned = [record for record in self.records if record.name == dns.Name(text)]
        if not owned:
            return fail(error.AuthoritativeDomainError(text))
        answers = [record for record in owned if record.type in (type, dns.CNAME)]
        for alias in [record for record in answers if record.type == dns.CNAME != type]:
            target = cast(Any, alias.payload).name
            answers += [r for r in self.records if r.name == target and r.type == type]
        return succeed((answers, [], self.additional))


class NameServer(server.DNSServerFactory):
    """Answers from its zone."""

    noisy = False

    def __init__(self) -> None:
        self.zone = Zone()
        super().__init__(clients=[self.zone])
        self.streams = 0
        """Connections that were opened."""
        self.closing = False
        """Close each connection at once."""
        self.datagram_size = 512
        """Bytes of an answer over UDP; 0 is no limit."""

    def connectionMade(self, protocol: Any) -> None:
        self.streams += 1
        super().connectionMade(protocol)
        if self.closing:
            protocol.transport.loseConnection()

    def sendReply(self, protocol: Any, message: Any, address: Any) -> None:
        message.maxSize = self.datagram_size if address else 0
        super().sendReply(protocol, message, address)


@contextlib.asynccontextmanager
async def serving() -> AsyncIterator[tuple[Zone, NameServer, Server]]:
    """A name server for the length of a test: its zone, itself, and where it is."""
    factory = NameServer()
    stream, datagram = _listen(factory)
    try:
        yield factory.zone, factory, ("127.0.0.1", stream.getHost().port)
    finally:
        await maybeDeferred(stream.stopListening)
        await maybeDeferred(datagram.stopListening)


def _listen(factory: NameServer) -> tuple[Any, Any]:
    """One port for both, which the system gives for one and may have given away for the other."""
    while True:
        stream = reactor.listenTCP(0, factory, interface="127.0.0.1")
        protocol = dns.DNSDatagramProtocol(factory)
        try:
            port = reactor.listenUDP(stream.getHost().port, protocol, interface="127.0.0.1")
        except CannotListenError:
            stream.stopListening()
        else:
            return stream, port
