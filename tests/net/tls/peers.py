"""TLS over an in-memory wire: a server, and who dials it, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator, IProtocol
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.model.server_tls import ServerTLS
from lbtwist.net.dialing import DialFailure, IDial
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.dialing import TLSDialer
from lbtwist.net.tls.transport import TLSTransport
from lbtwist.net.tls.trust import trust_of
from tests.certificates import Issued
from tests.net.fakes import FakeDialer
from tests.net.recorder import HalfCloseable, Recorder

SERVER = Address("192.0.2.1", 443, name="www.example.com")


def served(options: Any, protocol: Recorder) -> TLSTransport:
    """`protocol` with a server's TLS below it."""
    return TLSTransport(TLSMemoryBIOFactory(options, False, Factory()), cast(IProtocol, protocol))


@implementer(IOpenSSLServerConnectionCreator)
class Resuming:
    """What a server needs for TLS that gives out tickets, up to a version."""

    def __init__(self, issued: Issued, newest: int = SSL.TLS1_3_VERSION) -> None:
        self._context = context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.use_certificate(issued.certificate)
        context.use_privatekey(issued.key)
        context.set_max_proto_version(newest)
        context.set_session_id(b"test")

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return SSL.Connection(self._context, None)


class Ground:
    """One who dials servers that speak TLS, by what `settings` say."""

    def __init__(self, settings: ServerTLS, chunk: int = 64 * 1024) -> None:
        self.clock = Clock()
        self.fake = FakeDialer(self.clock, chunk)
        self.trust = trust_of(settings)
        self.sweep = Sweep(self.clock)
        self.connected: list[float] = []
        self.near = HalfCloseable()
        self.far = HalfCloseable()
        self.built = 0
        self.failures: list[DialFailure] = []
        self.inside = False

    def serve(self, options: Any, address: Address = SERVER) -> None:
        """From now on a server with these is at `address`; its next connection is `far`."""

        def accept() -> TLSTransport:
            self.far = HalfCloseable()
            return served(options, self.far)

        self.fake.answer(address, accept)

    def serve_with(self, make: Callable[[], Any], address: Address = SERVER, after: float = 0.0) -> None:
        """`make` gives the protocol of each connection."""
        self.fake.answer(address, make, after)

    def dial(self, address: Address = SERVER, timeout: float = 5.0, first: bytes = b"") -> IDial:
        self.near = HalfCloseable()
        self.inside = True
        dialer = TLSDialer(self.fake, self.trust, self.sweep, self._note)
        dial = dialer.dial(address, self._build, timeout, self._fail, first)
        self.inside = False
        return dial

    def settle(self) -> None:
        """All happens that can without time."""
        for _ in range(300):
            self.clock.advance(0)

    def reason(self, address: Address = SERVER) -> str:
        """Why there is no connection, when all has happened."""
        self.dial(address)
        self.settle()
        assert (self.built, len(self.failures)) == (0, 1)
        assert self.fake.wires[-1].client.closed
        assert self.clock.getDelayedCalls() == []
        return self.failures[0].reason

    def _note(self) -> None:
        self.connected.append(self.clock.seconds())

    def _build(self) -> IProtocol:
        assert not self.inside
        self.built += 1
        return cast(IProtocol, self.near)

    def _fail(self, failure: DialFailure) -> None:
        assert not self.inside
        self.failures.append(failure)
