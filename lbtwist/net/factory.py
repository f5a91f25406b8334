"""The factory of a tcp listener: it makes a relay for each client that it accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory

from lbtwist.model.plane import ListenerPolicy, Member
from lbtwist.net.dialing import IDialer
from lbtwist.net.live import Ledger
from lbtwist.net.relay import End, Relay
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sweep import Sweep


class RelayFactory(Factory):
    """One listener in the data plane: its policy, its live connections, and the way to its servers."""

    noisy = False

    def __init__(
        self,
        policy: ListenerPolicy,
        group: GroupRotation,
        ids: Iterator[int],
        dialer: IDialer,
        sweep: Sweep,
        seconds: Callable[[], float],
        ledger_of: Callable[[Member], Ledger],
        server_failed: Callable[[Member, str], None],
    ) -> None:
        self.policy = policy
        self.group = group
        self.ledger = Ledger()
        self.dialer = dialer
        self.sweep = sweep
        self.seconds = seconds
        self.ledger_of = ledger_of
        self.server_failed = server_failed
        self._ids = ids

    @property
    def full(self) -> bool:
        """It has as many connections as it may."""
        limit = self.policy.max_connections
        return limit > 0 and len(self.ledger.live) >= limit

    def buildProtocol(self, addr: IAddress | None) -> End | None:
        """A client's end; None, which closes it at once, when the listener is full."""
        if self.full:
            self.ledger.failed += 1
            return None
        host = addr.host if isinstance(addr, IPv4Address | IPv6Address) else ""
        return Relay(next(self._ids), self, host).client

    def adopt(self, policy: ListenerPolicy, group: GroupRotation) -> None:
        """Other limits and another group from now on; established connections are not touched."""
        idle_changed = policy.idle_timeout != self.policy.idle_timeout
        self.policy = policy
        self.group = group
        if idle_changed:
            for connection in self.ledger.live.values():
                connection.watch_idle()
