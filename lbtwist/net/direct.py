"""Dialling without ceremony: a non-blocking connect on a raw descriptor in the poller."""

from __future__ import annotations

from collections.abc import Callable
from errno import EINPROGRESS
from socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_TCP,
    SO_ERROR,
    SO_KEEPALIVE,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    TCP_NODELAY,
    SocketType,
)

from twisted.internet.interfaces import IProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.model.address import Address
from lbtwist.net.dialing import TIMED_OUT, DialFailure, IDial, IDialer, failure_of
from lbtwist.net.poller import ERROR, HANGUP, WRITABLE, Poller
from lbtwist.net.sweep import Sweep
from lbtwist.net.transport import DIALLED, UNREGISTERED, SocketTransport

NON_BLOCKING_STREAM = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC


@implementer(IDialer)
class DirectDialer:
    """Connects through `poller`; what takes too long is ended by `sweep`, exact to 0.1 s."""

    def __init__(self, poller: Poller, sweep: Sweep) -> None:
        self._poller = poller
        self._sweep = sweep

    def dial(
        self,
        address: Address,
        build: Callable[[], IProtocol],
        timeout: float,
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> IDial:
        dial = Dial(self._poller, self._sweep, build, failed, first)
        dial.connect(address, timeout)
        return dial


@implementer(IDial)
class Dial:
    """One non-blocking connect: watched by the poller, entered in the sweep."""

    __slots__ = (
        "due_bucket",
        "_poller",
        "_sweep",
        "_build",
        "_failed",
        "_first",
        "_socket",
        "_mask",
        "_over",
    )

    def __init__(
        self,
        poller: Poller,
        sweep: Sweep,
        build: Callable[[], IProtocol],
        failed: Callable[[DialFailure], object],
        first: bytes = b"",
    ) -> None:
        self.due_bucket: int | None = None
        self._poller = poller
        self._sweep = sweep
        self._build = build
        self._failed = failed
        self._first = first
        self._socket: SocketType | None = None
        self._mask = UNREGISTERED
        self._over = False

    def connect(self, address: Address, timeout: float) -> None:
        """Begin."""
        family, target = target_of(address)
        try:
            # The type under `socket.socket`: that one's __init__ is slower than the system call.
            self._socket = connecting = SocketType(family, NON_BLOCKING_STREAM, 0)
            if family != AF_UNIX:
                connecting.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
                connecting.setsockopt(SOL_SOCKET, SO_KEEPALIVE, 1)
            code = connecting.connect_ex(target)
            if code == EINPROGRESS:
                self._poller.register(connecting.fileno(), DIALLED, self)
                self._mask = DIALLED
                self._sweep.enter(self, self._sweep.seconds() + timeout)
            elif code == 0:  # a Unix socket is connected at once
                self._poller.soon(self._connected)
            else:
                self._fail_soon(failure_of(code))
        except OSError as error:
            self._fail_soon(failure_of(error.errno))

    def cancel(self) -> None:
        """IDial."""
        self._release()

    def ready(self, events: int) -> None:
        """The poller's call: it is connected, or it failed."""
        assert self._socket is not None
        # The kernel tells of an error by ERROR; without one, to ask for it is a system call for nothing.
        code = 0
        if events & (ERROR | HANGUP):
            code = self._socket.getsockopt(SOL_SOCKET, SO_ERROR)
        if code:
            self._fail(failure_of(code))
        else:
            self._connected(events)

    def fail(self, reason: Failure) -> None:
        """`build` or `failed` raised."""
        self._release()

    def due(self, now: float) -> None:
        """The sweep's call."""
        self._fail(TIMED_OUT)

    def _connected(self, events: int = WRITABLE) -> None:
        if self._over:
            return
        assert self._socket is not None
        fd = self._socket.detach()
        build = self._build
        self._end()
        try:
            protocol = build()
        except Exception:
            self._poller.close(fd)
            raise
        transport = SocketTransport(self._poller, fd, None, self._mask)
        if self._mask != UNREGISTERED:
            self._poller.hand_over(fd, transport)
        if self._first:
            transport.write(self._first)
        transport.start(protocol)
        if events != WRITABLE:  # it is told once: the server has spoken first
            transport.ready(events)

    def _fail_soon(self, failure: DialFailure) -> None:
        self._poller.soon(lambda: self._fail(failure))

    def _fail(self, failure: DialFailure) -> None:
        if not self._over:
            failed = self._failed
            self._release()
            failed(failure)

    def _release(self) -> None:
        if not self._over:
            self._end()
            if self._socket is not None:
                self._poller.close(self._socket.detach())

    def _end(self) -> None:
        self._over = True
        self._sweep.leave(self)
        del self._build, self._failed  # they know who has this dial: a cycle is work for the collector


def target_of(address: Address) -> tuple[int, str | tuple[str, int]]:
    """The family and what connect(2) takes for `address`."""
    if address.port is None:
        return AF_UNIX, address.host
    return AF_INET6 if ":" in address.host else AF_INET, (address.host, address.port)
