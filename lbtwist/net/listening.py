"""A listening socket in the poller: IListeningPort with the fewest system calls per connection."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import IDelayedCall, IListeningPort, IProtocolFactory, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.binding import BACKLOG, SocketFile
from lbtwist.net.budget import Budget
from lbtwist.net.poller import READABLE, Poller
from lbtwist.net.sockaddr import SocketAddress, address_of
from lbtwist.net.transport import SocketTransport

BURST = 64
"""Connections accepted at a time: the established ones must not wait long for the new ones."""
PAUSE = 0.1
"""Seconds without accepting when descriptors or memory are short: epoll would tell at once again."""
PASSING = frozenset(
    {
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.EPERM,
        errno.ENOPROTOOPT,
        errno.EOPNOTSUPP,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENONET,
    }
)
"""accept(2): errors of the one connection that was next, which is gone by then."""


@implementer(IListeningPort)
class ListeningPort:
    """Accepts from `listening`, a bound and listening socket, which it owns from now on.

    Each connection gets a SocketTransport and a protocol of `factory`; where that builds None it is
    closed at once. TCP_NODELAY and SO_KEEPALIVE are set on the listening socket, from which Linux hands
    them down. Where `unlink` is true, the file of a Unix socket is removed with it, unless it has
    become another's.
    """

    log = Logger()

    def __init__(
        self,
        poller: Poller,
        listening: socket.socket,
        factory: IProtocolFactory,
        clock: IReactorTime,
        *,
        unlink: bool = True,
        budget: Budget | None = None,
    ) -> None:
        self._poller = poller
        self._socket = listening
        self._factory = factory
        self._clock = clock
        self._host = address_of(listening.getsockname())
        self._file = SocketFile.of(listening) if unlink else None
        # The method under `socket.accept`, which makes a socket object at the price of a getsockname.
        self._accept: Callable[[], tuple[int, Any]] = listening._accept  # type: ignore[attr-defined]
        self._pause: IDelayedCall | None = None
        self._short = False
        self._listening = False
        self._held = False
        self._budget = budget or Budget()

    def startListening(self) -> None:
        """Accept from now on. Raises OSError."""
        self._socket.setblocking(False)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._factory.doStart()
        self._listening = True
        self._poller.register(self._socket.fileno(), READABLE, self)
        self._budget.watch(self)

    def stopListening(self, *, handed_on: bool = False) -> Deferred[None]:
        """Accept what waits in the backlog (rule 70), and close. Fires when the address is free again.

        Where the socket was handed on, another process listens on: backlog and file are that one's.
        """
        if handed_on:
            self._file = None
        elif self._listening:
            self._empty_backlog()
        self._close()
        stopped: Deferred[None] = Deferred()
        self._poller.soon(lambda: stopped.callback(None))
        return stopped

    def pause(self) -> None:
        """Accept nothing until `resume`: who comes waits in the backlog."""
        self._held = True
        self._poller.modify(self._socket.fileno(), 0)

    def resume(self) -> None:
        """Accept again."""
        self._held = False
        if self._pause is None:
            self._poller.modify(self._socket.fileno(), READABLE)

    def getHost(self) -> SocketAddress:
        """Where it listens, or did."""
        return self._host

    def ready(self, events: int) -> None:
        """The poller's call: connections wait."""
        self._accept_some()

    def fail(self, reason: Failure) -> None:
        """All is closed; or `ready` has raised, which the port outlives."""
        if reason.check(ConnectionAborted):
            self._close()
        else:
            self._rest()

    def _accept_some(self) -> bool:
        """Accept up to BURST; False when there are no more for now."""
        for _ in range(BURST):
            try:
                fd, sockaddr = self._accept()
            except BlockingIOError:
                return False
            except OSError as error:
                if error.errno in PASSING:
                    continue
                self._run_short(error)
                return False
            self._short = False
            self._serve(fd, address_of(sockaddr))
            if self._held or not self._listening:
                return False
        return True

    def _serve(self, fd: int, peer: SocketAddress) -> None:
        os.set_blocking(fd, False)
        try:
            protocol = self._factory.buildProtocol(peer)
        except Exception:
            self.log.failure("no protocol for a connection to {host}", host=self._host)
            protocol = None
        if protocol is None:
            os.close(fd)
        else:
            SocketTransport(self._poller, fd, peer).start(protocol)

    def _empty_backlog(self) -> None:
        self._remove_file()  # who comes later would only be refused
        if self._held:
            return
        for _ in range(BACKLOG // BURST):
            if not self._accept_some():
                break

    def _close(self) -> None:
        self._remove_file()
        self._end_pause()
        if self._listening:
            self._listening = False
            self._budget.forget(self)
            self._factory.doStop()
        if self._socket.fileno() >= 0:
            self._poller.close(self._socket.detach())

    def _run_short(self, error: OSError) -> None:
        if not self._short:
            self._short = True
            self.log.error("cannot accept on {host}: {error}", host=self._host, error=error.strerror)
        self._rest()

    def _rest(self) -> None:
        if self._pause is None and self._listening:
            self._poller.modify(self._socket.fileno(), 0)
            self._pause = self._clock.callLater(PAUSE, self._go_on)

    def _go_on(self) -> None:
        self._pause = None
        if not self._held:
            self._poller.modify(self._socket.fileno(), READABLE)

    def _end_pause(self) -> None:
        pause, self._pause = self._pause, None
        if pause is not None:
            pause.cancel()

    def _remove_file(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.remove()
