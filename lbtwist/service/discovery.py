"""An availability group: what its source answers is made true of its members (rule 18)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lbtwist.errors import Refused
from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.availability import Availability, Decision, Verdict
from lbtwist.model.config import DiscoverySettings
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin
from lbtwist.model.source import SourceAnswer
from lbtwist.service.events import Events

_SOURCE = Because("source")
Merging = Callable[[Servers, Servers, Because, Origin], list[str]]
"""`ServerGroup.merge`: what was said of servers before, what is said now, by whom."""


class Discovery:
    """Follows one source. What an operator did to a server stays, until the source speaks of it anew."""

    log = Logger()

    def __init__(
        self,
        group: str,
        merge: Merging,
        check: Callable[[Address], None],
        settings: DiscoverySettings,
        source: IServerSource,
        events: Events,
    ) -> None:
        """`merge` makes what the source says true of the members of `group`; `check` raises Refused for
        an address where no server may be."""
        self.problem = ""
        """Why the last answer was not followed: the source failed, or the answer is held back."""
        self._group = group
        self._merge = merge
        self._check = check
        self._source = source
        self._events = events
        self._judge = Availability(settings.empty_ok, settings.max_removal)
        self.said: Servers = {}
        """What the source said of its servers when its answer was last followed."""

    @property
    def held(self) -> Decision | None:
        """The answer that waits for the operator's `apply`."""
        return self._judge.held

    def start(self, said: Servers) -> None:
        """Follow the source from now on. What was `said` before, by another source or the file, holds until
        its first answer, and that is judged as if it had said that itself."""
        self.said = said
        self._source.watch(self._heard)

    def stop(self) -> Deferred[None]:
        """Follow no more; the members stay."""
        return self._source.stop()

    def apply(self) -> list[str]:
        """Take the answer that is held back. Raises Refused where there is none, or it has a server where
        none may be any more."""
        if self.held is not None:
            self._check_all(self.held.servers)
        decision = self._judge.release(_weights(self.said))
        self.problem = ""
        return self._take(decision)

    def _heard(self, answer: SourceAnswer) -> None:
        decision = self._judge.hear(_weights(self.said), self._checked(answer))
        problem = decision.words if decision.verdict in (Verdict.FAILED, Verdict.HELD) else ""
        if problem and problem != self.problem:
            verdict = decision.verdict.value
            self.log.warn("{group}: source {verdict}: {why}", group=self._group, verdict=verdict, why=problem)
            self._events.add("source", self._group, f"{verdict}: {problem}", _SOURCE.who)
        self.problem = problem
        if decision.verdict in (Verdict.APPLY, Verdict.UNCHANGED):
            self._take(decision)

    def _checked(self, answer: SourceAnswer) -> SourceAnswer:
        """One that has a server where none may be is no answer: nothing of it is followed."""
        try:
            self._check_all(answer.servers or {})
        except Refused as refused:
            return SourceAnswer(None, str(refused))
        return answer

    def _check_all(self, servers: Mapping[Address, int]) -> None:
        for address in servers:
            self._check(address)

    def _take(self, decision: Decision) -> list[str]:
        before, self.said = self.said, _wanted(decision.servers)
        return self._merge(before, self.said, _SOURCE, Origin.SOURCE) if self.said != before else []


def _wanted(servers: Mapping[Address, int]) -> Servers:
    return {address: Wanted(str(address), weight) for address, weight in servers.items()}


def _weights(servers: Servers) -> dict[Address, int]:
    return {address: wanted.weight for address, wanted in servers.items()}
