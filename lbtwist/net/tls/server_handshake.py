"""A handshake with a server: who it is, is proved before anything is said to it."""

from __future__ import annotations

from collections.abc import Callable

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.interfaces import IHandshakeListener, IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory, Protocol
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.tls.reasons import EXPIRED, of_certificate, of_name, of_problem
from lbtwist.net.tls.transport import TLSTransport
from lbtwist.net.tls.trust import Trust, has_expired, proves


class ServerTransport(TLSTransport):
    """TLS with a server. At its end there is a session to be kept."""

    ended: Callable[[], object] | None = None

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        ended, self.ended = self.ended, None
        if ended is not None:
            ended()
        super().connectionLost(reason)


@implementer(IHandshakeListener, IOpenSSLClientConnectionCreator)
class ServerHandshake(Protocol):
    """What the transport serves until the server has proved who it is.

    Then `done` is called, which has another protocol take its place; or else `failed`, with the reason.
    It is one of the two, at most once.
    """

    transport: ServerTransport

    def __init__(
        self, trust: Trust, address: Address, done: Callable[[], object], failed: Callable[[str], object]
    ) -> None:
        self._trust = trust
        self._address = address
        self._name = trust.settings.name_of(address)
        self._done = done
        self._failed = failed
        self._problem = 0
        self._over = False

    def below(self) -> ServerTransport:
        """The transport that serves it, and then whoever takes its place."""
        return ServerTransport(TLSMemoryBIOFactory(self, True, Factory()), self)

    def clientConnectionForTLS(self, tlsProtocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        self._connection = connection = self._trust.connection(self._name)
        if self._trust.settings.verify:
            connection.set_verify(SSL.VERIFY_PEER, self._verified)
        self._trust.sessions.resume(connection, self._name, self._address)
        return connection

    def handshakeCompleted(self) -> None:
        """IHandshakeListener."""
        if self._over:
            return
        if objection := self._objection():
            self._trust.sessions.forget(self._name, self._address)
            self._fail(objection)
        else:
            self._over = True
            self.transport.ended = self._keep
            self._done()

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._fail(of_certificate(self._problem) if self._problem else of_problem(reason.value))

    def _fail(self, reason: str) -> None:
        if not self._over:
            self._over = True
            self._failed(reason)

    def _objection(self) -> str:
        """What is wrong with a certificate that was verified, be it when the session began that goes on."""
        if not self._trust.settings.verify:
            return ""
        certificate = self._connection.get_peer_certificate(as_cryptography=True)
        if certificate is None or has_expired(certificate):
            return EXPIRED
        return "" if proves(self._connection, self._name) else of_name(self._name)

    def _keep(self) -> None:
        self._trust.sessions.keep(self._connection, self._name, self._address)

    def _verified(
        self, connection: SSL.Connection, certificate: X509, code: int, depth: int, ok: int
    ) -> bool:
        if not ok:
            self._problem = self._problem or code
        return bool(ok)
