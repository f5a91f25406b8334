"""A server whose address is found by its name, and found again while it is a server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from lbtwist.model.address import Address, parse_address
from lbtwist.model.hostname import HostName
from lbtwist.service.nameservers import NotResolved
from lbtwist.service.resolver import Addresses, Family, Resolves
from lbtwist.service.rounds import Rounds

SOONEST = 1.0
LATEST = 60.0
"""Seconds between two questions, whatever the TTL says."""
LIMIT = 10.0
"""Seconds that an answer may take."""

Heard = Callable[[Address | None, str], None]
"""Told the address, or None and why there is none, in words for people."""


class Resolving:
    """Keeps the address of a named server: the one it has, while that is among the answers.

    A name's addresses change their order with each answer; a server must not move for that.
    """

    log = Logger()

    def __init__(self, name: HostName, clock: IReactorTime, resolver: Resolves, heard: Heard) -> None:
        """`heard` is called for the first answer, and then whenever the address or the problem is another."""
        self.name = name
        self._resolver = resolver
        self._heard = heard
        self._present: Address | None = None
        self._told: tuple[Address | None, str] | None = None
        self._wait = SOONEST
        """Seconds until a failed question is asked again; doubled by each failure."""
        self._rounds = Rounds(clock, self._ask, self._answered, LIMIT)

    def start(self) -> None:
        """Ask now, and from now on by the TTL of each answer."""
        self._rounds.start()

    def stop(self) -> Deferred[None]:
        """Ask no more; `heard` is not called again. Fires when nothing is left of it."""
        return self._rounds.stop()

    async def _ask(self) -> tuple[Address, float]:
        """The address to use, and the TTL of the answer that had it. Raises NotResolved."""
        if self._present is not None and self._present.is_ipv6:
            found, ttl = await self._addresses(Family.IPV6)
            if self._present in found:
                return self._present, ttl
        for family in Family:
            found, ttl = await self._addresses(family)
            if found:
                return self._present if self._present in found else found[0], ttl
        raise NotResolved("the name has no address")

    async def _addresses(self, family: Family) -> tuple[list[Address], float]:
        answer = await self._resolver.addresses(self.name.host, family)
        return self._usable(answer), answer.ttl

    def _usable(self, answer: Addresses) -> list[Address]:
        try:
            found = [parse_address(f"[{ip}]" if ":" in ip else ip, self.name.port) for ip in answer.found]
        except ValueError as error:
            raise NotResolved(str(error)) from None
        return [replace(address, name=self.name.host) for address in found]

    def _answered(self, outcome: tuple[Address, float] | Failure) -> float:
        if isinstance(outcome, Failure):
            wait, self._wait = self._wait, min(self._wait * 2, LATEST)
            self._tell(None, self._words(outcome))
            return wait
        self._present, ttl = outcome
        self._wait = SOONEST
        self._tell(self._present, "")
        return min(max(ttl, SOONEST), LATEST)

    def _tell(self, address: Address | None, words: str) -> None:
        if (address, words) != self._told:
            self._told = (address, words)
            self._heard(address, words)

    def _words(self, failure: Failure) -> str:
        if failure.check(NotResolved):
            return f"{self.name.host}: {failure.getErrorMessage()}"
        if failure.check(TimeoutError):
            return f"{self.name.host}: no answer within {LIMIT:g} s"
        self.log.failure("resolving {name} has a fault", failure, name=self.name.host)
        return f"{self.name.host}: a fault: {type(failure.value).__name__}"
