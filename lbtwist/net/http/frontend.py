"""An http listener in the data plane: what requests are read, routed and answered by."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.internet.defer import Deferred

from lbtwist.model.figures import ListenerFigures
from lbtwist.model.network_set import NetworkSet
from lbtwist.model.plane import ListenerPolicy
from lbtwist.model.routing import Rule, climbs, first_match
from lbtwist.net.clients import Clients
from lbtwist.net.counting import Responses
from lbtwist.net.end import IEndTransport
from lbtwist.net.frontend import Frontend, Means
from lbtwist.net.rotation import GroupRotation
from lbtwist.net.sockaddr import plain
from lbtwist.wire.answer import http_date
from lbtwist.wire.forwarded import Hop
from lbtwist.wire.request_head import RequestHead

MAX_HOPS = 1_000
"""Clients by whose addresses it is kept how servers are told of them: who connects for each request is
written once."""
LAST_REQUEST = 1.0
"""Seconds that a client without a request may still make one when the listener is leaving (rule 71)."""


class HttpFrontend(Frontend):
    """A listener whose live connections are requests in flight and WebSockets."""

    def __init__(self, policy: ListenerPolicy, group: GroupRotation, means: Means) -> None:
        super().__init__(policy, group, means)
        self.clients = Clients(means.budget, self.per_client)
        self.responses = Responses()
        """Those that clients were sent, our own included."""
        self.port: int | None = None
        """Where clients connect, when it is a TCP port."""
        self._date = (0, b"")
        self._follow(policy)

    @property
    def full(self) -> bool:
        """It has as many clients as it may."""
        limit = self.policy.max_connections
        return limit > 0 and len(self.clients) >= limit

    @property
    def crowded(self) -> bool:
        """Who is one too many is told so, and passes the entrance for it."""
        return False

    def figures(self) -> ListenerFigures:
        return ListenerFigures(len(self.clients), self.responses.value(), self.refusals.value())

    @property
    def patience(self) -> float:
        """Seconds that a client may stay without a request."""
        return LAST_REQUEST if self.leaving else self.policy.idle_timeout

    @property
    def date(self) -> bytes:
        """What a Date says now."""
        now = int(self.means.wall())
        if now != self._date[0]:
            self._date = (now, http_date(now))
        return self._date[1]

    def hosts(self) -> Iterator[str]:
        yield from self.arrivals.hosts()
        yield from self.clients.hosts()

    def emptying(self) -> Iterator[Deferred[None]]:
        yield from super().emptying()
        if self.clients:
            yield self.clients.when_none()

    def adopt(self, policy: ListenerPolicy, group: GroupRotation) -> None:
        super().adopt(policy, group)
        self._follow(policy)
        for guest in self.clients.all():
            guest.watch_idle()

    def leave(self) -> None:
        """Clients are told to make no further requests; those without one are gone soon (rule 71)."""
        super().leave()
        for guest in self.clients.all():
            guest.leave()

    def close_idle(self) -> None:
        """Close the connections of clients that have nothing in flight."""
        super().close_idle()
        for guest in self.clients.all():
            guest.close_idle()

    def rule_for(self, request: RequestHead) -> Rule | None:
        """The rule that it goes by; None where it goes to the listener's own group."""
        return first_match(self.policy.rules, request.host, request.path)

    def hop(self, peer: str, transport: IEndTransport) -> Hop:
        """How servers are told of the connection of a client at the IP address `peer`."""
        port = plain(transport.getHost()).port if self.policy.proxy_protocol else self.port
        hop = self._hops.get((peer, port))
        if hop is None:
            if len(self._hops) == MAX_HOPS:
                self._hops.clear()
            hop = self._hops[peer, port] = self._new_hop(peer, port)
        return hop

    def _new_hop(self, peer: str, port: int | None) -> Hop:
        trusted = self.trusted is not None and peer in self.trusted
        scheme = b"http" if self.policy.tls is None else b"https"
        return Hop(self.policy.proxy_name, peer, trusted, scheme, port=port)

    def _follow(self, policy: ListenerPolicy) -> None:
        self._hops: dict[tuple[str, int | None], Hop] = {}
        self.trusted = NetworkSet(policy.trusted_proxies) if policy.trusted_proxies else None
        self.strict_path = climbs(policy.rules)
