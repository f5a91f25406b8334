"""Who may connect now: each source has an allowance of connections without a login, and of failed logins."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.logger import Logger

from lbtwist.model.allowance import Allowances

ARRIVALS, ARRIVAL_RATE = 20, 5.0
"""Connections of one source at once, and so many a second; one that logs in does not count."""
FAILURES, FAILURE_RATE = 10, 0.2
"""Connections of one source that tried keys in vain, and so many a second."""
MAX_TOLD = 1024
TELL_AGAIN = 60.0
"""Seconds after which a source that is refused still, or again, is logged again."""

log = Logger()


class Doorkeeper:
    """Refuses sources that come too often or fail too often. A source is an IPv4 address or an IPv6 /64;
    who comes by a Unix socket passes."""

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._arrivals = Allowances(ARRIVALS, ARRIVAL_RATE)
        self._failures = Allowances(FAILURES, FAILURE_RATE)
        self._told: dict[str, float] = {}

    def admits(self, address: IAddress | None) -> bool:
        """Whether a connection from there may begin; it is counted. A refusal is logged once a minute."""
        source = source_of(address)
        if not source:
            return True
        now = self._clock.seconds()
        if not self._failures.allows(source, now):
            return self._refuse(source, "too many failed logins")
        if not self._arrivals.take(source, now):
            return self._refuse(source, "too many connections without a login")
        return True

    def logged_in(self, address: IAddress | None) -> None:
        """A connection from there has logged in: it does not count."""
        self._arrivals.give_back(source_of(address), self._clock.seconds())

    def failed(self, address: IAddress | None) -> None:
        """A connection from there tried keys, and ended without a login."""
        if source := source_of(address):
            self._failures.take(source, self._clock.seconds())

    def _refuse(self, source: str, why: str) -> bool:
        now = self._clock.seconds()
        if now - self._told.get(source, -TELL_AGAIN) >= TELL_AGAIN:
            log.warn("console: {source} is refused for a while: {why}", source=source, why=why)
            self._told.pop(source, None)
            self._told[source] = now
            if len(self._told) > MAX_TOLD:
                del self._told[next(iter(self._told))]
        return False


def source_of(address: IAddress | None) -> str:
    """What is counted together; empty for what has no IP address."""
    host = str(getattr(address, "host", "")).partition("%")[0]
    if ":" not in host:
        return host
    ip = IPv6Address(host)
    return str(ip.ipv4_mapped or ip_network((int(ip), 64), strict=False))
