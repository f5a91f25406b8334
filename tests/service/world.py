"""What a group asks: servers that answer checks, sources of servers, and name servers, all in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from zope.interface import implementer

from lbtwist.interfaces import IHealthCheck, IServerSource
from lbtwist.model.address import Address
from lbtwist.model.config import GroupSettings
from lbtwist.model.health import CheckResult, Step
from lbtwist.model.hostname import HostName
from lbtwist.model.source import SourceAnswer
from lbtwist.service.checks import Checks
from lbtwist.service.makers import Makers
from lbtwist.service.nameservers import NotResolved
from lbtwist.service.resolver import Addresses, Family, Services
from lbtwist.service.resolving import Resolving

_ANSWERED = (Step("connect", 0.01), Step("response", 0.01))
PASSES = CheckResult(True, "status 200", 0.02, steps=_ANSWERED)
FAILS = CheckResult(False, "status 500 not in 200-399", 0.02, steps=_ANSWERED)
REFUSED = CheckResult(False, "refused", 0.0)
ASKS = CheckResult(True, "status 200, asks to be drained", 0.02, drain_requested=True, steps=_ANSWERED)
OWN_FAULT = CheckResult(False, "no descriptor was left", 0.0, own_fault=True)


@implementer(IHealthCheck)
class FakeServers:
    """Every server there is, with what it answers a check; at once, unless it is held."""

    def __init__(self, clock: IReactorTime) -> None:
        self.answers: dict[Address, CheckResult] = {}
        """What each answers; one that is not here passes."""
        self.held: set[Address] = set()
        """These answer when the test says so."""
        self.asked: list[tuple[float, Address]] = []
        """When each was asked."""
        self.waiting: dict[Address, Deferred[CheckResult]] = {}
        """Checks under way."""
        self._clock = clock

    def check(self, address: Address) -> Deferred[CheckResult]:
        self.asked.append((self._clock.seconds(), address))
        if address not in self.held:
            return succeed(self.answers.get(address, PASSES))

        def cancelled(_: object) -> None:
            del self.waiting[address]

        self.waiting[address] = Deferred(cancelled)
        return self.waiting[address]

    def answer(self, address: Address, result: CheckResult) -> None:
        """The check of it that is under way ends."""
        self.waiting.pop(address).callback(result)


@implementer(IServerSource)
class FakeSource:
    """A source whose answers the test gives."""

    def __init__(self) -> None:
        self.heard: Callable[[SourceAnswer], None] | None = None
        """What hears its answers while it is watched."""

    def watch(self, heard: Callable[[SourceAnswer], None]) -> None:
        self.heard = heard

    def stop(self) -> Deferred[None]:
        self.heard = None
        return succeed(None)

    def answer(self, servers: Mapping[Address, int]) -> None:
        """These are all members, with their weights."""
        assert self.heard is not None
        self.heard(SourceAnswer(dict(servers)))

    def fail(self, problem: str) -> None:
        assert self.heard is not None
        self.heard(SourceAnswer(None, problem))


class FakeNames:
    """Provides Resolves: IPv4 addresses by name; what is not here has none."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[str, ...]] = {}
        self.ttl = 10.0

    async def addresses(self, name: str, family: Family) -> Addresses:
        if name not in self.known:
            raise NotResolved("there is no such name")
        return Addresses(self.known[name] if family is Family.IPV4 else (), self.ttl)

    async def services(self, name: str) -> Services:
        raise NotResolved("no services here")


class World:
    """What the groups of a test ask. Checks begin by `checking`, everything else by `clock`."""

    def __init__(self, clock: IReactorTime, checking: IReactorTime | None = None) -> None:
        self.servers = FakeServers(checking or clock)
        self.sources: list[FakeSource] = []
        """Every one that was made, those that were only made to see whether they can be, too."""
        self.names = FakeNames()
        self._clock = clock
        self._checking = checking or clock

    @property
    def source(self) -> FakeSource:
        """The one that is watched, or was last."""
        return next((each for each in reversed(self.sources) if each.heard), self.sources[-1])

    @property
    def makers(self) -> Makers:
        return Makers(
            checks=self._checks,
            probe=lambda settings: self.servers,
            source=self._source,
            resolving=self._resolving,
            secret=self._secret,
        )

    def _checks(self, settings: GroupSettings) -> Checks | None:
        wanted = settings.health_check
        if wanted is None or wanted.type == "none":
            return None
        return Checks(self.servers, wanted.interval, self._checking)

    def _source(self, settings: GroupSettings) -> Any:
        if settings.discovery is None:
            return None
        self.sources.append(FakeSource())
        return self.sources[-1]

    def _secret(self, settings: GroupSettings) -> bytes:
        persistence = settings.session_persistence
        own = persistence.secret.value if persistence.secret else b"secret"
        return own if persistence.by_cookie else b""

    def _resolving(self, name: HostName, heard: Callable[[Address | None, str], None]) -> Resolving:
        return Resolving(name, self._clock, self.names, heard)
