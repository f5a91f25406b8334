"""Opening what people and machines look in by: on Twisted's own transports, at once or not at all."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.python.failure import Failure

from lbtwist.errors import BindError
from lbtwist.model.endpoint import Endpoint, EndpointKind

SOCKET_MODE = 0o660
"""Of a Unix socket: its user and group may connect."""


def open_face(what: str, endpoint: Endpoint, factory: IProtocolFactory, reactor: Any) -> IListeningPort:
    """`endpoint`, listening for `factory`. Raises BindError, which says `what` it was for."""
    try:
        return _opened(endpoint, factory, reactor)
    except (CannotListenError, OSError, ValueError) as error:
        raise BindError(f"{what}: {endpoint.text} can't be opened: {error}") from None


def _opened(endpoint: Endpoint, factory: IProtocolFactory, reactor: Any) -> IListeningPort:
    if endpoint.kind is EndpointKind.TCP:
        # [::] takes IPv4 too.
        port: IListeningPort = reactor.listenTCP(endpoint.port, factory, interface=endpoint.host or "::")
        return port
    if endpoint.kind is EndpointKind.UNIX:
        port = reactor.listenUNIX(endpoint.host, factory, mode=SOCKET_MODE, wantPID=True)
        return port
    return _now(serverFromString(reactor, endpoint.text).listen(factory))


def _now(opened: Deferred[IListeningPort]) -> IListeningPort:
    """What `opened` has fired with: a server endpoint listens at once or never."""
    results: list[IListeningPort | Failure] = []
    opened.addBoth(results.append)
    if not results:
        opened.cancel()
        raise ValueError("it does not open at once")
    if isinstance(results[0], Failure):
        error: Any = results[0].value
        raise error
    return results[0]
