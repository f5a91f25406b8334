"""The connection of one HTTP request: bounded, and closed in any case."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory, IPolicyForHTTPS
from zope.interface import implementer

from lbtwist.model.listing import MAX_BYTES

MAX_RECEIVED = MAX_BYTES + 64 * 1024
"""Bytes of one response, with its header and what frames its body: Twisted's agent has no bound."""


@implementer(IAgentEndpointFactory)
class OneConnection:
    """Connects an agent once; cuts the connection when it has brought too much."""

    def __init__(self, reactor: Any, policy: IPolicyForHTTPS, timeout: float) -> None:
        """`policy` verifies the certificate of an https service; `timeout` is in seconds."""
        self._reactor = reactor
        self._policy = policy
        self._timeout = timeout
        self._received = 0
        self._protocol: Any = None
        self._closed: Deferred[None] = succeed(None)

    @property
    def flooded(self) -> bool:
        """It was cut because it had brought too much."""
        return self._received > MAX_RECEIVED

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:
        host = uri.host.decode("ascii")
        plain = HostnameEndpoint(self._reactor, host, uri.port, self._timeout)
        if uri.scheme == b"http":
            return _Watched(plain, self)
        return _Watched(wrapClientTLS(self._policy.creatorForNetloc(uri.host, uri.port), plain), self)

    def opened(self, protocol: Any) -> Any:
        """`protocol` was connected: see from now on what it receives, and when it ends."""
        self._protocol = protocol
        self._closed = Deferred()
        receive, lose = protocol.dataReceived, protocol.connectionLost

        def received(data: bytes) -> None:
            self._received += len(data)
            if self.flooded:
                protocol.transport.abortConnection()
            else:
                receive(data)

        def lost(reason: Failure = connectionDone) -> None:
            lose(reason)
            self._closed.callback(None)

        protocol.dataReceived, protocol.connectionLost = received, lost
        return protocol

    def close(self) -> Deferred[None]:
        """Cut it, where it is open. Fires when it is closed."""
        if not self._closed.called:
            self._protocol.transport.abortConnection()
        return self._closed


@implementer(IStreamClientEndpoint)
class _Watched:
    """An endpoint that tells `connection` of what it has connected."""

    def __init__(self, endpoint: IStreamClientEndpoint, connection: OneConnection) -> None:
        self._endpoint = endpoint
        self._connection = connection

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        # It is Twisted's own factory, which would tell the log of each question.
        protocolFactory.noisy = False  # type: ignore[attr-defined]
        connecting: Deferred[IProtocol] = self._endpoint.connect(protocolFactory)
        return connecting.addCallback(self._connection.opened)
