"""A data plane whose clients speak TLS: the same conversations as without, but for half-closes."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.protocol import Factory
from twisted.internet.task import deferLater
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.address import parse_address
from lbtwist.model.listener_tls import KeyPair, ListenerTLS
from lbtwist.net.direct import DirectDialer
from lbtwist.net.sweep import Sweep
from lbtwist.net.tls.transport import TLSTransport
from tests.certificates import Issued, authority, issue
from tests.net.bench import GROUP, WEB
from tests.net.recorder import HalfCloseable, Recorder
from tests.net.world import SocketWorld, reactor

NAME = "example.com"
INSIDE = {"tcp": "tls", "http": "https"}


@cache
def ours() -> Issued:
    return authority()


@cache
def site() -> Issued:
    return issue(ours(), [NAME])


def listener_tls(*pairs: Issued, **keys: Any) -> ListenerTLS:
    """What a listener has with these certificates."""
    return ListenerTLS(tuple(KeyPair(each.pem, each.key_pem) for each in pairs or (site(),)), **keys)


@implementer(IOpenSSLClientConnectionCreator)
class Client:
    """What a client needs for TLS: it believes `ours`, asks for a name, and has a session to resume."""

    def __init__(self, name: str = NAME, shows: Issued | None = None, session: Any = None) -> None:
        self.context = context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        store = context.get_cert_store()
        assert store is not None
        store.add_cert(X509.from_cryptography(ours().certificate))
        context.set_verify(SSL.VERIFY_PEER)
        if shows is not None:
            context.use_certificate(shows.certificate)
            context.use_privatekey(shows.key)
        self._name = name
        self._session = session

    def clientConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        connection = SSL.Connection(self.context, None)
        connection.set_connect_state()
        if self._name:
            connection.set_tlsext_host_name(self._name.encode())
        if self._session is not None:
            connection.set_session(self._session)
        return connection

    def under(self, end: Any) -> TLSTransport:
        """`end` with this client's TLS below it."""
        return _Under(TLSMemoryBIOFactory(self, True, Factory()), end)


class _Under(TLSTransport):
    """An orderly end is the end of what is received, too: it is told as one."""

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        problem = self._reason or reason
        end: Any = self.wrappedProtocol
        if problem.check(ConnectionDone) and isinstance(end, HalfCloseable):
            end.readConnectionLost()
        super().connectionLost(reason)


class SecureWorld(SocketWorld):
    """Clients have our own transports below their TLS, which send at once what they can."""

    tells_truncation = True

    def __init__(self, kind: str, path: Path) -> None:
        super().__init__(kind.removeprefix("tls-"), path)
        self._clients = DirectDialer(self.poller, Sweep(reactor))

    async def listen(self, number: int = WEB, group: str = GROUP, **keys: Any) -> None:
        keys = {"tls": listener_tls(), **keys, "protocol": INSIDE[keys.get("protocol", "tcp")]}
        await super().listen(number, group, **keys)

    async def client(self, listener: int = WEB, end: Recorder | None = None) -> Any:
        """The handshake is done, or has failed."""
        made = await super().client(listener, end)
        while not (made.transport._handshakeDone or "lost" in made.events):
            await deferLater(reactor, 0, int)
        return made

    def send(self, end: Recorder, data: bytes) -> None:
        if isinstance(end.transport, TLSTransport):
            end.transport.write(data)
            assert not end.transport.queued
        else:
            super().send(end, data)

    def _connect(self, listener: int, end: Recorder) -> None:
        address = parse_address(self.plane.address(listener))
        self._clients.dial(address, lambda: Client().under(end), 10.0, self._failed)
