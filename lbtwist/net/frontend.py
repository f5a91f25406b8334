"""One listener in the data plane: its policy, its live connections, and the way to its servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress

from lbtwist.interfaces import IAccessObserver
from lbtwist.model.figures import ListenerFigures
from lbtwist.model.gate import Gate
from lbtwist.model.plane import ListenerPolicy, Member
from lbtwist.net.budget import Budget
from lbtwist.net.clients import Clients
from lbtwist.net.dialing import IDialer
from lbtwist.net.live import Ledger
from lbtwist.net.pipes import Pipes
from lbtwist.net.refusals import Refusals
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sweep import Sweep

if TYPE_CHECKING:
    from lbtwist.net.entrance import Step
    from lbtwist.net.tls.step import TLS


class Means(NamedTuple):
    """What the connections of every listener work with."""

    dialer: IDialer
    sweep: Sweep
    seconds: Callable[[], float]
    ids: Iterator[int]
    """Numbers for live connections."""
    ledger_of: Callable[[Member], Ledger]
    """The live connections of a member, and their counters."""
    server_failed: Callable[[Member, str], None]
    """Told of each connect that failed, and why."""
    group_of: Callable[[str], GroupRotation]
    """The server group of that name."""
    wall: Callable[[], float]
    """Seconds since 1970, for the dates that peers are told."""
    random: Callable[[int], bytes]
    """So many random bytes."""
    budget: Budget
    """What clients and idle connections are counted by."""
    pipes: Pipes
    """What bulk data goes through."""


@runtime_checkable
class HasHost(Protocol):
    """A live connection that knows the IP address of its client."""

    client_host: str


class Frontend:
    """What a client's connection is admitted by, and finds its server with."""

    def __init__(self, policy: ListenerPolicy, group: GroupRotation, means: Means) -> None:
        self.policy = policy
        self.group = group
        self.ledger = Ledger()
        self.means = means
        self.gate = Gate()
        """Who may come in."""
        self.per_client = self.gate.per_client
        self.arrivals = Clients(None, self.per_client)
        """Those that are not served yet: they have steps of the entrance to pass."""
        self.refusals = Refusals(means.seconds)
        self.steps: tuple[Step, ...] = ()
        """What a client passes at the entrance; another tuple when the policy changes that."""
        self.tls: TLS | None = None
        """That one of them, as it was last made: it outlives a policy that changes nothing of it."""
        self.leaving = False
        """It accepts nothing new any more."""
        self.access: IAccessObserver | None = None
        """Told of each request and connection, where there is an access log."""
        self.gate.follow(policy, tuple)
        # A connection asks for these again and again: one step, not two.
        self.dialer, self.sweep, self.seconds, self.ids, self.ledger_of, self.server_failed = means[:6]
        self.budget = means.budget

    @property
    def full(self) -> bool:
        """It has as many connections as it may."""
        limit = self.policy.max_connections
        return limit > 0 and len(self.ledger.live) >= limit

    @property
    def crowded(self) -> bool:
        """With those at the entrance it has as many as it may."""
        limit = self.policy.max_connections
        return limit > 0 and len(self.ledger.live) + len(self.arrivals) >= limit

    def leave(self) -> None:
        """It accepts nothing new any more; who is at the entrance has to be quick."""
        self.leaving = True
        for arrival in self.arrivals.all():
            arrival.leave()

    def close_idle(self) -> None:
        """Close the connections that nothing is in flight on: those at the entrance."""
        for arrival in self.arrivals.all():
            arrival.close_idle()

    def emptying(self) -> Iterator[Deferred[None]]:
        """What there is to wait for, beside its live connections, until nobody is connected."""
        if self.arrivals:
            yield self.arrivals.when_none()

    def hosts(self) -> Iterator[str]:
        """The IP address of each client's connection that counts for its client."""
        yield from self.arrivals.hosts()
        for connection in self.ledger.live.values():
            if isinstance(connection, HasHost):
                yield connection.client_host

    def refuse(self, peer: IAddress | None, reason: str) -> None:
        """A client at `peer` is turned away at the entrance, for `reason`."""
        self.ledger.failed += 1
        self.refusals.add(self.policy.name, peer, reason)

    def figures(self) -> ListenerFigures:
        """What was counted of it beyond its tally."""
        return ListenerFigures(len(self.ledger.live), refused=self.refusals.value())

    def adopt(self, policy: ListenerPolicy, group: GroupRotation) -> None:
        """Other limits and another group from now on; established connections are not touched."""
        idle_changed = policy.idle_timeout != self.policy.idle_timeout
        self.policy = policy
        self.group = group
        self.gate.follow(policy, self.hosts)
        if idle_changed:
            for connection in self.ledger.live.values():
                connection.watch_idle()
