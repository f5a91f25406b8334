"""Who may come in at a listener: networks, connections per client, and rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lbtwist.model.access import End
from lbtwist.model.client_key import client_key
from lbtwist.model.network_set import NetworkSet
from lbtwist.model.per_client import PerClient
from lbtwist.model.plane import ListenerPolicy
from lbtwist.model.token_bucket import SECOND, Bucket, Buckets, Rate


class Verdict(NamedTuple):
    """Why a client may not come in."""

    end: End
    """How the access log has it; its value is the reason in metrics."""
    wait: float = 0.0
    """Seconds until there is a token for it."""


DENIED = Verdict(End.DENIED)
CROWDED = Verdict(End.CLIENT_LIMIT)


class Gate:
    """Judges the clients of one listener, and remembers what it needs for that.

    It is for as long as the listener is: a change of one limit leaves what is known for the others. A
    rate that is changed begins with full buckets.
    """

    def __init__(self) -> None:
        self.per_client = PerClient()
        """To be told of connections while it is counting."""
        self._allow = self._deny = NetworkSet()
        self._limit = 0
        self._client_rate = self._total_rate = Rate()
        self._buckets: Buckets | None = None
        self._bucket: Bucket | None = None
        self._policy: ListenerPolicy | None = None

    @property
    def judges(self) -> bool:
        """There is something to judge by."""
        rated = self._buckets is not None or self._bucket is not None
        return bool(self._allow or self._deny or self._limit or rated)

    def follow(self, policy: ListenerPolicy, hosts: Callable[[], Iterable[str]]) -> None:
        """Judge by `policy`. `hosts()` are the IP addresses of the connections that there are, one each."""
        before, self._policy = self._policy, policy
        if before is None or (policy.allow, policy.deny) != (before.allow, before.deny):
            self._allow, self._deny = NetworkSet(policy.allow), NetworkSet(policy.deny)
        self._limit = policy.max_connections_per_client
        if not self._limit:
            self.per_client.stop()
        elif not self.per_client.counting:
            self.per_client.begin(hosts())
        self._follow_rates(policy)

    def judge(self, host: str, now: float) -> Verdict | None:
        """None where a client at the IP address `host` may come in at `now`, in seconds; then it has.

        Who is on a Unix socket has none, and is local: the rate of all holds for it alone.
        """
        at = int(now * SECOND)
        refused = self._judge_client(host, at) if host else None
        if refused is not None:
            return refused
        if self._bucket is not None:
            if wait := self._bucket.wait(at):
                return Verdict(End.TOTAL_RATE, wait / SECOND)
            self._bucket.take(at)
        if host and self._buckets is not None:
            self._buckets.take(client_key(host), at)
        return None

    def _judge_client(self, host: str, at: int) -> Verdict | None:
        if host in self._deny or (self._allow and host not in self._allow):
            return DENIED
        if self._limit and self.per_client.of(host) >= self._limit:
            return CROWDED
        if self._buckets is not None and (wait := self._buckets.wait(client_key(host), at)):
            return Verdict(End.CLIENT_RATE, wait / SECOND)
        return None

    def _follow_rates(self, policy: ListenerPolicy) -> None:
        if policy.client_rate != self._client_rate:
            self._client_rate = policy.client_rate
            self._buckets = Buckets(policy.client_rate) if policy.client_rate.per_second else None
        if policy.total_rate != self._total_rate:
            self._total_rate = policy.total_rate
            self._bucket = Bucket(policy.total_rate) if policy.total_rate.per_second else None
