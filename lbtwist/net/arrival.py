"""A client of whose connection something is read, or proved, before there is a protocol for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lbtwist.net.end import End, IEndTransport
from lbtwist.net.frontend import Frontend
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import host_of

TOO_SLOW, CUT, INCOMPLETE = "too_slow", "cut", "incomplete"
"""Why any is turned away: its time is over, an operator or the end of the process, it has ended or shut
its sending side down. Steps have their own reasons besides."""
LAST_MOMENT = 1.0
"""Seconds that it may still take when its listener accepts nothing new any more (rule 71)."""

Onward = Callable[[IAddress | None, GroupRotation | None], IProtocol | None]
"""Gives the protocol for a client at an address, whose servers are of a group, or of the listener's own;
None where it is turned away."""


@implementer(IHalfCloseableProtocol)
class Arrival(Protocol):
    """What a client's connection has until `go_on` gives it to the next protocol.

    It is a guest of its frontend: counted, closed by a cut, and gone within `timeout` seconds.
    """

    transport: IEndTransport
    admitted = True
    """Its address was judged: it counts among the connections of its client."""

    def __init__(
        self,
        frontend: Frontend,
        address: IAddress | None,
        group: GroupRotation | None,
        onward: Onward,
        timeout: float,
    ) -> None:
        self.frontend = frontend
        self.address = address
        """The client's, as far as it is known."""
        self.group = group
        self.due_bucket: int | None = None
        self._onward = onward
        self._timeout = timeout
        self._over = False

    def connectionMade(self) -> None:
        self.frontend.arrivals.enter(self, host_of(self.address) if self.admitted else "")
        self.frontend.means.budget.enter()
        self._watch()

    def go_on(self, early: bytes = b"") -> None:
        """The connection is the next protocol's; `early` was received already, and is for that one."""
        if self._over:
            return
        self._over = True
        self.frontend.means.budget.leave()  # the next protocol enters: it has one descriptor, not two
        protocol = self._onward(self.address, self.group)
        if protocol is None:
            self.transport.loseConnection()
        else:
            hand_over(self.transport, protocol, early)
        self._depart()

    def turn_away(self, reason: str, last_word: bytes = b"") -> None:
        """Close it by a reset, or in order after a last word; it is counted by the reason, one of a few."""
        if not self._over:
            self._over = True
            self.count(reason)
            if last_word:
                self.transport.write(last_word)
                self.transport.loseConnection()
            else:
                self.transport.abortConnection()
            self.frontend.means.budget.leave()
            self._depart()

    def count(self, reason: str) -> None:
        """It is turned away for `reason`."""
        self.frontend.refuse(self.address, reason)

    def due(self, now: float) -> None:
        """The sweep: it takes too long."""
        self.turn_away(TOO_SLOW)

    def leave(self) -> None:
        """The listener accepts nothing new any more (rule 71)."""
        self._watch()

    def close_idle(self) -> None:
        """A cut of all that the listener has."""
        self.turn_away(CUT)

    def watch_idle(self) -> None:
        """Its time is that of its accept, whatever is set since."""

    def readConnectionLost(self) -> None:
        """It says no more, and has not said enough."""
        self.turn_away(INCOMPLETE)

    def writeConnectionLost(self) -> None:
        """Nothing is sent by it."""

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        if not self._over:
            self._over = True
            self.frontend.refuse(self.address, INCOMPLETE)
            self.frontend.means.budget.leave()
            self._depart()

    def _watch(self) -> None:
        within = min(LAST_MOMENT, self._timeout) if self.frontend.leaving else self._timeout
        self.frontend.sweep.enter(self, self.frontend.seconds() + within)

    def _depart(self) -> None:
        self.frontend.sweep.leave(self)
        self.frontend.arrivals.depart(self)
        del self._onward


def hand_over(transport: Any, protocol: Any, early: bytes = b"") -> None:
    """Have `protocol` in the place of the present one, as if it had been connected from the beginning.

    `early` is what the present one has received for it. To be called from inside of the present one.
    """
    # The protocols that Twisted puts between two are ProtocolWrapper: their inner one has another name.
    setattr(transport, "wrappedProtocol" if hasattr(transport, "wrappedProtocol") else "protocol", protocol)
    protocol.makeConnection(transport)
    if early:
        if isinstance(protocol, End):
            protocol.early(early)
        else:
            protocol.dataReceived(early)
