"""Listening sockets that this process was given, and those that it can hand on to another."""

from __future__ import annotations

import socket
from collections.abc import Collection, Iterable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IAddress, IListeningPort
from zope.interface import implementer

from lbtwist.model.endpoint import Endpoint
from lbtwist.net.inheriting import InheritingReactor, let_go

LENT = "lent/"
"""Begins the names of those that another process listens on too, such as a service manager."""
_EVERY = ("::", "0.0.0.0")  # noqa: S104 - compared, not bound


class Descriptor(NamedTuple):
    """An open descriptor, by a name that sd_listen_fds_with_names(3) allows."""

    name: str
    fileno: int


def name_of(endpoint: Endpoint) -> str:
    """What the socket of `endpoint` is called: its text, in which a colon may not stand as such."""
    return quote(endpoint.text, safe="/[]")


class ListeningSockets:
    """Who listens takes its socket from here first, and says here what it listens on."""

    def __init__(
        self,
        given: Iterable[tuple[str, socket.socket]] = (),
        lent: Iterable[tuple[str, socket.socket]] = (),
        *,
        borrowed: bool = False,
    ) -> None:
        """`given` are listening sockets by name: of their endpoint, or any other. Those that are `lent`
        go on listening in the process that they are from, whatever happens to them here. Where they are
        `borrowed`, those that are given do so too until `own` is called."""
        self._borrows = borrowed
        self._borrowed: set[Endpoint] = set()
        self._given = list(given)
        self._lent = list(lent)
        self._taken: list[tuple[str, socket.socket]] = []
        """Those that were lent and taken: they can be taken again, where nobody else could bind."""
        self._lasting: set[Endpoint] = set()
        self._held: dict[int, Endpoint] = {}
        self._left: Collection[str] | None = None
        """Names of those that nobody has taken over; None while they are all our own."""

    def take(self, endpoint: Endpoint) -> socket.socket | None:
        """The socket that was given for `endpoint`, or is bound to it; None where there is none."""
        given = _found(self._given, endpoint)
        if given is not None:
            self._given.remove(given)
            if self._borrows:
                self._borrowed.add(endpoint)
            return _unblocked(given[1])
        lent = _found([*self._lent, *self._taken], endpoint)
        if lent is None:
            return None
        if lent in self._lent:
            self._lent.remove(lent)
            self._taken.append(lent)
        self._lasting.add(endpoint)
        return _unblocked(lent[1].dup())

    def reactor_for(self, endpoint: Endpoint, reactor: Any) -> Any:
        """`reactor`, or where a socket was given for `endpoint` one that listens on that."""
        given = self.take(endpoint)
        return reactor if given is None else InheritingReactor(reactor, given)

    def face_reactor(self, endpoint: Endpoint, reactor: Any) -> Any:
        """The same for a port of Twisted's, which is known here from when it listens until it stops."""
        return HoldingReactor(self.reactor_for(endpoint, reactor), endpoint, self)

    def own(self) -> None:
        """Those that were borrowed are our own from now on."""
        self._borrows = False
        self._borrowed.clear()

    def close_rest(self) -> list[str]:
        """Close those that were given or lent and that nobody wants. Returns their names."""
        rest = [*self._given, *self._lent]
        self._given, self._lent = [], []
        for _, unwanted in rest:
            unwanted.close()
        return [name for name, _ in rest]

    def hold(self, endpoint: Endpoint, fileno: int) -> None:
        """Something listens for `endpoint` on this descriptor."""
        self._held[fileno] = endpoint

    def held(self) -> list[Descriptor]:
        """All that is listened on, to be handed on."""
        return [Descriptor(self._name(endpoint), fileno) for fileno, endpoint in self._held.items()]

    def hand_on(self, left: Collection[str]) -> None:
        """Another process listens on the same sockets from now on, but those of the names in `left`."""
        self._left = left

    def release(self, fileno: int) -> bool:
        """It is about to be closed. True where it goes on listening in another process."""
        endpoint = self._held.pop(fileno, None)
        if endpoint is None or endpoint in self._lasting | self._borrowed:
            return endpoint is not None
        return self._left is not None and name_of(endpoint) not in self._left

    def _name(self, endpoint: Endpoint) -> str:
        return LENT + name_of(endpoint) if endpoint in self._lasting else name_of(endpoint)


class HoldingReactor:
    """A reactor whose ports `sockets` know of. For an endpoint that opens one port."""

    def __init__(self, reactor: Any, endpoint: Endpoint, sockets: ListeningSockets) -> None:
        self._reactor = reactor
        self._endpoint = endpoint
        self._sockets = sockets

    def listenTCP(self, *arguments: Any, **named: Any) -> IListeningPort:
        return self._held(self._reactor.listenTCP(*arguments, **named))

    def listenSSL(self, *arguments: Any, **named: Any) -> IListeningPort:
        return self._held(self._reactor.listenSSL(*arguments, **named))

    def listenUNIX(self, *arguments: Any, **named: Any) -> IListeningPort:
        return self._held(self._reactor.listenUNIX(*arguments, **named))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def _held(self, port: Any) -> IListeningPort:
        self._sockets.hold(self._endpoint, port.fileno())
        return HeldPort(port, self._sockets)


@implementer(IListeningPort)
class HeldPort:
    """One of Twisted's ports, which stops as `ListeningSockets.release` says."""

    def __init__(self, port: Any, sockets: ListeningSockets) -> None:
        self._port = port
        self._sockets = sockets

    def startListening(self) -> None:
        self._port.startListening()

    def stopListening(self) -> Deferred[None]:
        """Fires when it accepts no more."""
        if self._port.fileno() >= 0 and self._sockets.release(self._port.fileno()):
            let_go(self._port)
            return succeed(None)
        return maybeDeferred(self._port.stopListening)

    def getHost(self) -> IAddress:
        """Where it listens."""
        where: IAddress = self._port.getHost()
        return where


def shown_name(name: str) -> str:
    """The endpoint that `name_of` has made `name` of."""
    return unquote(name)


def _found(
    among: Iterable[tuple[str, socket.socket]], endpoint: Endpoint
) -> tuple[str, socket.socket] | None:
    """The one of the name of `endpoint`, or else one that is bound to it."""
    choice = list(among)
    named = (each for each in choice if each[0] == name_of(endpoint))
    bound = (each for each in choice if _is_bound(each[1], endpoint))
    return next(named, None) or next(bound, None)


def _unblocked(listening: socket.socket) -> socket.socket:
    listening.setblocking(False)
    return listening


def _is_bound(listening: socket.socket, endpoint: Endpoint) -> bool:
    """It is bound to just what `endpoint` says."""
    where = listening.getsockname()
    if endpoint.port is None or isinstance(where, str):
        return bool(endpoint.host) and where == endpoint.host
    host, port = where[:2]
    same_host = host == endpoint.host or (endpoint.host is None and host in _EVERY)
    return same_host and port == endpoint.port
