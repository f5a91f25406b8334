"""One side of a relay: a protocol that passes what it receives to the other side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol as Shape

from twisted.internet.error import ConnectionDone
from twisted.internet.interfaces import IConsumer, IHalfCloseableProtocol, IPushProducer, ITCPTransport
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

BULK = 64 * 1024
"""Bytes received at once that may be the beginning of many: how much transports read at a time."""


class IBetween(Shape):
    """What joins two ends, and hears what becomes of them."""

    touched: float
    """When a byte last moved."""

    def connected(self, end: End) -> None:
        """It has its transport."""

    def early(self, data: bytes) -> None:
        """The client's end had received `data` before it was one."""

    def bulk(self, end: End) -> None:
        """It has received BULK or more at once, which was passed on."""

    def half_closed(self, end: End) -> None:
        """It has shut its sending side down."""

    def lost(self, end: End, *, orderly: bool) -> None:
        """Its connection is closed, by a reset unless `orderly`."""


class IEndTransport(ITCPTransport, IConsumer, IPushProducer):
    """What the transports of a relay provide: Twisted's for TCP and Unix sockets, and ours."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class End(Protocol):
    """One side of a relay: what it receives, the other side's transport sends.

    As a producer it is the other side's back-pressure: it stops reading while that one holds bytes.
    """

    transport: IEndTransport
    peer: End
    # In one piece of memory, not in a dictionary as well: each message looks at two of many thousands.
    __slots__ = ("connected", "ended", "held", "lost", "peer", "received", "relay", "transport", "_seconds")

    def __init__(self, relay: IBetween, seconds: Callable[[], float]) -> None:
        self.relay = relay
        self.received = 0
        self.ended = False
        """It has shut its sending side down."""
        self.lost = False
        self.held = False
        """Bytes for it wait in our memory, because it does not take them."""
        self._seconds = seconds

    def makeConnection(self, transport: IEndTransport) -> None:
        self.connected = 1
        self.transport = transport
        self.relay.connected(self)

    def dataReceived(self, data: bytes) -> None:
        size = len(data)
        self.received += size
        self.relay.touched = self._seconds()
        self.peer.transport.write(data)
        if size >= BULK:
            self.relay.bulk(self)

    def early(self, data: bytes) -> None:
        """It was received before this protocol had the connection."""
        self.relay.early(data)

    def passed(self, size: int) -> None:
        """So much was received, and goes to the other side by another way than `dataReceived`."""
        self.received += size
        self.relay.touched = self._seconds()

    def readConnectionLost(self) -> None:
        self.ended = True
        self.relay.touched = self._seconds()
        self.relay.half_closed(self)

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        self.lost = True
        # Not `reason.check`, which compares names and is the dearest call of a short connection.
        self.relay.lost(self, orderly=isinstance(reason.value, ConnectionDone))

    def pauseProducing(self) -> None:
        self.peer.held = True
        if not self.lost:
            self.transport.pauseProducing()

    def resumeProducing(self) -> None:
        self.peer._caught_up()
        if not self.lost:
            self.transport.resumeProducing()

    def stopProducing(self) -> None:
        """The other side is gone; `Relay.lost` closes this one."""

    def _caught_up(self) -> None:
        """It has taken what was held for it, and the end of the other side where that had one."""
        self.held = False
        self.relay.touched = self._seconds()
        if self.peer.lost:
            # Everything that came before the other side's reset has been passed on; now the reset is.
            self.reset()

    writeConnectionLost = _caught_up

    def reset(self) -> None:
        """Close it so that it sees a reset; what is held for it is dropped."""
        if not self.lost:
            self.transport.unregisterProducer()
            self.transport.abortConnection()

    def close(self) -> None:
        """Close it as rule 5 says: FIN where it was given everything, a reset where not."""
        if self.held:
            self.reset()
        elif not self.lost:
            self.transport.unregisterProducer()
            self.transport.loseConnection()

    def part(self) -> None:
        """Both sides are closed. Without its references nothing of it waits for the garbage collector."""
        del self.relay
        if hasattr(self, "peer"):
            del self.peer
