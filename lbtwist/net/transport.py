"""A connection on a raw descriptor, served by a Poller: Twisted's ITCPTransport, made for relaying."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any, Protocol, cast

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IConsumer,
    IHalfCloseableProtocol,
    IProtocol,
    IPushProducer,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.poller import ENDED, ERROR, HANGUP, ONCE, READABLE, WRITABLE, Poller
from lbtwist.net.sending import SHUT, SendingSide
from lbtwist.net.sockaddr import SocketAddress, address_of, drop_input, lent, reset_on_close

SMALL_READ = 16 * 1024
"""As long as no more comes. Every read takes so much from malloc and gives back what was not filled; what is
kept of it splits the place, and places of 80 KiB that were split are of no use to the next read."""
MEDIUM_READ = 80 * 1024
"""After a full one. More than 64 KiB, for a body of that size, which is common, comes with its head."""
LARGE_READ = 256 * 1024
FULL_READS = 4
"""So many reads of MEDIUM_READ or more make the next ones large; as many that would have gone into less make
them medium again, and then small."""
MAX_REST = 64
"""Reads of what a peer had sent before a write to it failed: more than any receive buffer holds."""

DONE = Failure(ConnectionDone())
LOST = Failure(ConnectionLost())
ABORTED = Failure(ConnectionAborted())

INPUT = READABLE | ENDED
DIALLED = INPUT | WRITABLE | ONCE
"""What a dial registers its socket with. It will do until the first is received, and from the end on; what a
read has left in between is told only by INPUT. So who answers and ends is registered once."""
UNREGISTERED = -1
"""Instead of a mask: the descriptor is not in the epoll."""


class Inflow(Protocol):
    """Takes what a transport receives, in the place of its protocol's `dataReceived`."""

    def fill(self, fd: int) -> int:
        """Take what there is from `fd`. Returns how many bytes; 0 at the end of input. Raises OSError."""

    def pass_on(self, size: int) -> None:
        """So many were taken."""

    def stop(self) -> None:
        """There is no more for it: call `divert(None)`."""


@implementer(ITCPTransport, IConsumer, IPushProducer)
class SocketTransport(SendingSide):
    """The connected, non-blocking stream socket `fd`, which this object owns and closes.

    `dataReceived`, `readConnectionLost`, `writeConnectionLost` and `connectionLost` come from the poller
    alone, never from inside of a method of the transport. `connectionLost` comes exactly once: with
    ConnectionDone, ConnectionLost (the peer's reset), ConnectionAborted, or what the protocol raised.

    A protocol that has `lastReceived` gets a little that came with the end of input by that alone, in the
    place of `dataReceived` and `readConnectionLost`.

    The descriptor enters the epoll when it is first to be read or has something queued: a protocol that
    pauses it in `connectionMade` costs no system call.
    """

    __slots__ = (
        "_mask",
        "_reading",
        "_ended",
        "_failing",
        "_read_size",
        "_score",
        "_inflow",
        "_peer",
        "_host",
    )

    log = Logger()

    def __init__(
        self, poller: Poller, fd: int, peer: SocketAddress | None = None, mask: int = UNREGISTERED
    ) -> None:
        """`mask` is that of the descriptor's registration in `poller`, where it has one by now."""
        SendingSide.__init__(self, poller, fd)  # half of what `super()` takes, for each connection
        self._mask = mask
        self._reading = True
        self._ended = False
        self._failing = False
        self._read_size = SMALL_READ
        self._score = 0
        self._inflow: Inflow | None = None
        self._peer = peer
        self._host: SocketAddress | None = None

    def start(self, protocol: IProtocol) -> None:
        """Connect `protocol`, and read for it unless it has paused. What it raises ends the connection."""
        self.protocol = protocol
        try:
            protocol.makeConnection(self)
        except Exception:
            self._broke()
        if self._reading and self._mask == UNREGISTERED:
            self._watch()

    @property
    def connected(self) -> bool:
        """Whether `connectionLost` is still to come, as in Twisted's own transports."""
        return self._fd >= 0

    @property
    def bulk(self) -> bool:
        """It is read from, and much has come each time of late."""
        return self._reading and self._read_size == LARGE_READ

    def divert(self, inflow: Inflow | None) -> None:
        """What is received goes to `inflow` from now on, until that is no bulk any more; None: to the
        protocol. To be called while it is read from."""
        self._inflow = inflow
        self._watch()

    def pauseProducing(self) -> None:
        """Nothing is read until `resumeProducing`; a reset is told all the same, once it was read from."""
        self._reading = False
        if self._mask > 0:
            self._watch()

    def resumeProducing(self) -> None:
        """Read again."""
        if not (self._ended or self.disconnecting or self._reason):
            self._reading = True
            self._watch()

    def stopProducing(self) -> None:
        """`loseConnection`, as IPushProducer has it."""
        self.loseConnection()

    def loseConnection(self) -> None:
        """Close after what is queued was sent. Nothing more is received."""
        if self._reason:
            return
        self.disconnecting = True
        if self._queue is None and not self._pulling:
            self._end(DONE)
            return
        self._reading = False
        if not self._pulling:
            self._output = SHUT
        self._watch()

    def abortConnection(self) -> None:
        """Drop what is queued and reset the connection."""
        self.fail(ABORTED)

    def fail(self, reason: Failure) -> None:
        """`abortConnection`, for another reason."""
        if self._fd >= 0:
            self._end(reason)
            self._reason = reason

    def getHost(self) -> IPv4Address | IPv6Address:
        """The local address. Raises OSError after the end, where it was not asked for before."""
        if self._host is None:
            self._host = address_of(lent(self._fd, socket.SocketType.getsockname))
        return cast(IPv4Address, self._host)

    def getPeer(self) -> IPv4Address | IPv6Address:
        """The other side's address. Raises OSError as `getHost` does, for a connection that was dialled."""
        if self._peer is None:
            self._peer = address_of(lent(self._fd, socket.SocketType.getpeername))
        return cast(IPv4Address, self._peer)

    def stand_for(self, peer: SocketAddress, host: SocketAddress) -> None:
        """Give these addresses as the peer's and its own: those of a connection that comes through this."""
        self._peer, self._host = peer, host

    def getTcpNoDelay(self) -> bool:
        return self._option(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    def setTcpNoDelay(self, enabled: bool) -> None:
        self._set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY, enabled)

    def getTcpKeepAlive(self) -> bool:
        return self._option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)

    def setTcpKeepAlive(self, enabled: bool) -> None:
        self._set_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE, enabled)

    def _option(self, level: int, name: int) -> bool:
        return bool(lent(self._fd, lambda borrowed: borrowed.getsockopt(level, name)))

    def _set_option(self, level: int, name: int, enabled: bool) -> None:
        lent(self._fd, lambda borrowed: borrowed.setsockopt(level, name, enabled))

    def ready(self, events: int) -> None:
        """The poller's call: `events` are hints, and reading tells what there is."""
        if events != READABLE and events & WRITABLE:
            if self._queue is not None:
                self._flush(self._queue)
            if events == WRITABLE:
                return
        if self._failing:
            return  # the write has taken the error: a read would find an end of input in its place
        if not self._reading:
            self._hear(events)
            return
        if self._inflow is not None:
            self._fill(self._inflow)
            return
        try:  # in here, for a call of its own would be one for each message
            data = os.read(self._fd, self._read_size)
        except BlockingIOError:
            return
        except OSError:
            self._end(LOST)
            return
        if data:
            if self._score or len(data) >= SMALL_READ:
                self._adapt(len(data))
            if events == READABLE:
                self.protocol.dataReceived(data)
            else:
                self._receive(data, events)
        else:
            self._end_of_input()

    def _receive(self, data: bytes, events: int) -> None:
        """With `data` the end was told, which is next, most often; or all is told once, and more may come."""
        if events & ENDED:
            last = getattr(self.protocol, "lastReceived", None)
            if last is not None and len(data) < SMALL_READ:
                self._receive_last(data, last)
                return
        self.protocol.dataReceived(data)
        if events & ENDED:
            self.ready(READABLE)
        if not self._ended:
            self._watch()

    def _receive_last(self, data: bytes, last: Callable[[bytes], object]) -> None:
        try:
            more = os.read(self._fd, SMALL_READ)
        except OSError:
            self.protocol.dataReceived(data)
            self._end(LOST)
            return
        if more:
            self.protocol.dataReceived(data + more)
            self._watch()
        else:
            self._ended = True
            self._reading = False
            last(data)
            self._leave()

    def _hear(self, events: int) -> None:
        """What is told of a connection that is not read from."""
        if self._reason is None:
            if events & ERROR:
                self._end(LOST)
            elif events & HANGUP:
                self._rest()

    def _fill(self, inflow: Inflow) -> None:
        """A read, without the bytes."""
        try:
            size = inflow.fill(self._fd)
        except BlockingIOError:
            return
        except OSError:
            self._end(LOST)
            return
        if size:
            self._adapt(size)
            if not self.bulk:
                inflow.stop()
            inflow.pass_on(size)
        else:
            inflow.stop()
            self._end_of_input()

    def _adapt(self, size: int) -> None:
        """Read much at a time from who sends much: from others, a large buffer is only dearer."""
        if size >= MEDIUM_READ:
            self._score = min(max(self._score, FULL_READS) + 1, 2 * FULL_READS)
        elif size >= SMALL_READ and self._score <= FULL_READS:
            self._score = FULL_READS
        else:
            self._score -= 1
        if self._score == 2 * FULL_READS:
            self._read_size = LARGE_READ
        elif not self._score:
            self._read_size = SMALL_READ
        elif self._score <= FULL_READS:
            self._read_size = MEDIUM_READ

    def _end_of_input(self) -> None:
        self._ended = True
        self._reading = False
        protocol: Any = self.protocol
        if not IHalfCloseableProtocol.providedBy(protocol):
            self._end(DONE)
            return
        protocol.readConnectionLost()
        self._leave()

    def _leave(self) -> None:
        """It is read no more."""
        if self._reason is None and self._mask != DIALLED:
            self._poller.soon(self._watch)  # the other end comes in the same batch, often, and a close

    def _rest(self) -> None:
        """Both directions are shut, and epoll would say so for ever: leave it.

        What is unread waits for `resumeProducing`; there is nothing to be learnt before.
        """
        if self._queue is None:
            self._poller.unregister(self._fd)
            self._mask = UNREGISTERED

    def _watch(self) -> None:
        if self._reason is not None:
            return
        mask = INPUT if self._reading else 0
        if self._queue is not None:
            mask |= WRITABLE
        if mask == self._mask:
            return
        try:
            if self._mask != UNREGISTERED:
                self._poller.modify(self._fd, mask)
            elif mask:
                self._poller.register(self._fd, mask, self)
            else:
                return
            self._mask = mask
        except OSError:  # ENOSPC: the user's max_user_watches; ENOMEM
            self._broke()

    def _sent_all(self) -> None:
        self._end(DONE)

    def _write_failed(self) -> None:
        self._output = SHUT
        self._failing = True
        self._poller.soon(lambda: self._guard(self._read_the_rest))

    def _read_the_rest(self) -> None:
        """What the peer sent before the connection was lost is received before that is told."""
        for _ in range(MAX_REST):
            if not self._reading:
                break
            try:
                data = os.read(self._fd, LARGE_READ)
            except OSError:
                break
            if not data:
                break
            self.protocol.dataReceived(data)
        self._end(LOST)

    def _guard(self, call: Callable[[], object]) -> None:
        """What is raised outside of `ready` harms no other connection either."""
        try:
            call()
        except Exception:
            self._broke()

    def _broke(self) -> None:
        reason = Failure()
        self.log.failure("a connection failed", reason)
        self.fail(reason)

    def _end(self, reason: Failure) -> None:
        """Be closed when the poller's batch has ended. The first reason holds, but for a later abort."""
        if self._reason is None:
            self._reason = reason
            self._reading = False
            self._output = SHUT
            if self._queue is not None:
                queue, self._queue = self._queue, None
                queue.drop()
            if self._inflow is not None:
                self._inflow.stop()
            self._poller.soon(self._finish)

    def _finish(self) -> None:
        reason, fd = self._reason, self._fd
        assert reason is not None
        self._fd = -1
        if reason is not DONE or not self._ended:
            _break_off(fd, reason)
        self._poller.close(fd)
        if self._producer is not None:
            producer, self._producer = self._producer, None
            self._guard(producer.stopProducing)
        protocol = self.protocol
        del self.protocol  # the two would keep each other until the next collection
        protocol.connectionLost(reason)


def _break_off(fd: int, reason: Failure) -> None:
    """Before a close that does not follow the peer's end."""
    if reason is DONE:
        drop_input(fd)
    elif reason is not LOST:
        lent(fd, reset_on_close)
