"""A client's connection that is being closed in stages, so that our last response is not lost."""

from __future__ import annotations

from twisted.internet.interfaces import IHalfCloseableProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.end import IEndTransport
from lbtwist.net.http.deadline import Deadline
from lbtwist.net.http.frontend import HttpFrontend
from lbtwist.net.pair import CLOSE_TIMEOUT
from lbtwist.net.sending import queued

LINGER = 0.9
"""Seconds that input is read after our sending was shut; the sweep may add 0.1."""
MAX_DROPPED = 256 * 1024
"""Bytes that are read and dropped then."""


@implementer(IHalfCloseableProtocol)
class Lingering(Protocol):
    """Sends what is left and FIN; then what comes is read and dropped until the client has closed, for a
    second at most (RFC 9112, 9.6). A close with input unread would be a reset, which takes away from
    the client what it has not read yet.
    """

    transport: IEndTransport

    def __init__(self, frontend: HttpFrontend, deadline: Deadline) -> None:
        self._frontend = frontend
        self._deadline = deadline
        self._dropped = 0
        self._queued = 0
        self._patience = 0.0

    def begin(self, transport: IEndTransport, patience: float | None) -> None:
        """Have `transport` from now on.

        A client has so many seconds to take some of what is left; by default, the idle timeout.
        """
        self.transport = transport
        transport.protocol = self  # type: ignore[attr-defined]
        self._queued = queued(transport)
        self._patience = self._frontend.policy.idle_timeout if patience is None else patience
        self._deadline.watch(self._patience, self._stalled)
        transport.loseWriteConnection()
        transport.resumeProducing()

    def dataReceived(self, data: bytes) -> None:
        self._dropped += len(data)
        if self._dropped > MAX_DROPPED:
            self._close()

    def readConnectionLost(self) -> None:
        self._close()

    def writeConnectionLost(self) -> None:
        self._deadline.watch(LINGER, self._close)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self._deadline.stop()
        self._frontend.clients.depart(self)

    def leave(self) -> None:
        """Guest."""

    def close_idle(self) -> None:
        """Guest."""
        self._deadline.watch(CLOSE_TIMEOUT, self.transport.abortConnection)
        self._close()

    def watch_idle(self) -> None:
        """Guest."""

    def _stalled(self) -> None:
        """The client does not take our last response, or takes it slowly."""
        left = queued(self.transport)
        if left < self._queued:
            self._queued = left
            self._deadline.watch(self._patience, self._stalled)
        else:
            self.transport.abortConnection()

    def _close(self) -> None:
        """All was sent, or is to be."""
        self.transport.loseConnection()
