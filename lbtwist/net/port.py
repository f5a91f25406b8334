"""A listening endpoint: bound first, accepting later, so that a set of them opens whole or not at all."""

from __future__ import annotations

import socket
from typing import Any, Protocol

from twisted.internet import tcp
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReadDescriptor
from twisted.python.failure import Failure

from lbtwist.errors import BindError
from lbtwist.model.endpoint import Endpoint, EndpointKind
from lbtwist.net.binding import BACKLOG, SocketFile, bind_tcp, bind_unix
from lbtwist.net.budget import Budget
from lbtwist.net.inheriting import let_go
from lbtwist.net.listening import ListeningPort
from lbtwist.net.paced import PacedPort, waits
from lbtwist.net.poller import Poller
from lbtwist.net.sockaddr import address_of, shown
from lbtwist.net.sockets import ListeningSockets


class IPort(Protocol):
    """What a data plane listens on."""

    def accept(self, factory: IProtocolFactory) -> Deferred[None]:
        """Accept for `factory`. Fails with BindError."""

    def address(self) -> str:
        """Where it listens, as shown; empty where that is not known yet."""

    def close(self) -> Deferred[None]:
        """Accept what is in the backlog, and close. Fires when the endpoint is free.

        Where another process listens on the same socket, the backlog is that one's.
        """


def open_port(
    endpoint: Endpoint,
    poller: Poller,
    reactor: Any,
    sockets: ListeningSockets | None = None,
    budget: Budget | None = None,
) -> IPort:
    """Take the socket of `sockets` that was given for `endpoint`, or bind it. Raises BindError; for an
    endpoint string of Twisted's, `accept` does. It accepts while `budget` has room."""
    kept = ListeningSockets() if sockets is None else sockets
    room = budget or Budget()
    if endpoint.kind is EndpointKind.TWISTED:
        return TwistedPort(endpoint, reactor, kept, room)
    return DirectPort(endpoint, poller, reactor, kept, room)


class DirectPort:
    """A TCP or Unix socket in the poller."""

    def __init__(
        self, endpoint: Endpoint, poller: Poller, reactor: Any, sockets: ListeningSockets, budget: Budget
    ) -> None:
        self._poller = poller
        self._reactor = reactor
        self._sockets = sockets
        self._budget = budget
        self._socket = sockets.take(endpoint) or _bound(endpoint)
        sockets.hold(endpoint, self._socket.fileno())
        self._file = SocketFile.of(self._socket)
        self._port: ListeningPort | None = None

    def accept(self, factory: IProtocolFactory) -> Deferred[None]:
        self._port = ListeningPort(self._poller, self._socket, factory, self._reactor, budget=self._budget)
        self._port.startListening()
        return succeed(None)

    def address(self) -> str:
        return shown(self._port.getHost() if self._port else address_of(self._socket.getsockname()))

    def close(self) -> Deferred[None]:
        handed_on = self._sockets.release(self._socket.fileno())
        if self._port is not None:
            return self._port.stopListening(handed_on=handed_on)
        if self._file is not None and not handed_on:
            self._file.remove()
        self._socket.close()
        return succeed(None)


class TwistedPort:
    """Whatever `twisted.internet.endpoints.serverFromString` opens."""

    def __init__(self, endpoint: Endpoint, reactor: Any, sockets: ListeningSockets, budget: Budget) -> None:
        self._endpoint = endpoint
        self._reactor = reactor
        self._sockets = sockets
        self._budget = budget
        self._pace: PacedPort | None = None
        self._port: IListeningPort | None = None

    def accept(self, factory: IProtocolFactory) -> Deferred[None]:
        listening: Deferred[IListeningPort] = maybeDeferred(self._listen, factory)
        return listening.addCallbacks(self._listening, self._failed)

    def address(self) -> str:
        return shown(self._port.getHost()) if self._port else ""

    def close(self) -> Deferred[None]:
        port, self._port = self._port, None
        if port is None:
            return succeed(None)
        if self._pace is not None:
            self._pace.close()
        if IReadDescriptor.providedBy(port) and self._sockets.release(port.fileno()):
            let_go(port)
            return succeed(None)
        empty_backlog(port, self._budget)
        return port.stopListening() or succeed(None)

    def _listen(self, factory: IProtocolFactory) -> Deferred[IListeningPort]:
        reactor = self._sockets.reactor_for(self._endpoint, self._reactor)
        listening: Deferred[IListeningPort] = serverFromString(reactor, self._endpoint.text).listen(factory)
        return listening

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        if IReadDescriptor.providedBy(port):
            self._sockets.hold(self._endpoint, port.fileno())
        if isinstance(port, tcp.Port):
            self._pace = PacedPort(port, self._budget, self._reactor)

    def _failed(self, failure: Failure) -> None:
        raise BindError(f"{self._endpoint}: {failure.getErrorMessage()}") from failure.value


def port_of(address: str) -> int | None:
    """The TCP port of an address as shown; None for a Unix socket."""
    port = address.rpartition(":")[2]
    return int(port) if port.isdecimal() else None


def empty_backlog(port: IListeningPort, budget: Budget) -> None:
    """Have one of Twisted's own ports accept what waits to be accepted (rule 70), as far as there is room."""
    if not IReadDescriptor.providedBy(port):
        return
    for _ in range(BACKLOG):
        if budget.full or not waits(port):
            break
        port.doRead()


def _bound(endpoint: Endpoint) -> socket.socket:
    if endpoint.kind is EndpointKind.UNIX:
        return bind_unix(str(endpoint.host))
    assert endpoint.port is not None
    return bind_tcp(endpoint.host, endpoint.port)
