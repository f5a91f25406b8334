"""An availability group: what its source answers is made true of its members (rule 18)."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lbtwist.interfaces import IServerSource
from lbtwist.model.address import Address
from lbtwist.model.availability import Availability, Decision, Verdict
from lbtwist.model.config import DiscoverySettings
from lbtwist.model.drain import Because
from lbtwist.model.members import Wanted
from lbtwist.model.merge import Servers
from lbtwist.model.registration import Origin
from lbtwist.model.source import SourceAnswer

_SOURCE = Because("source")
Merging = Callable[[Servers, Servers, Because, Origin], list[str]]
"""`ServerGroup.merge`: what was said of servers before, what is said now, by whom."""


class Discovery:
    """Follows one source. What an operator did to a server stays, until the source speaks of it anew."""

    log = Logger()

    def __init__(
        self, group: str, merge: Merging, settings: DiscoverySettings, source: IServerSource
    ) -> None:
        """`merge` makes what the source says true of the members of `group`."""
        self.problem = ""
        """Why the last answer was not followed: the source failed, or the answer is held back."""
        self._group = group
        self._merge = merge
        self._source = source
        self._judge = Availability(settings.empty_ok, settings.max_removal)
        self._said: dict[Address, int] = {}

    @property
    def held(self) -> Decision | None:
        """The answer that waits for the operator's `apply`."""
        return self._judge.held

    def start(self, before: Discovery | None = None) -> None:
        """Follow the source from now on. The members that `before` found are judged as if this one had."""
        if before is not None:
            self._said = before._said
        self._source.watch(self._heard)

    def stop(self) -> Deferred[None]:
        """Follow no more; the members stay."""
        return self._source.stop()

    def apply(self) -> list[str]:
        """Take the answer that is held back. Raises Refused where there is none."""
        self.problem = ""
        return self._take(self._judge.release(self._said))

    def _heard(self, answer: SourceAnswer) -> None:
        decision = self._judge.hear(self._said, answer)
        problem = decision.words if decision.verdict in (Verdict.FAILED, Verdict.HELD) else ""
        if problem and problem != self.problem:
            verdict = decision.verdict.value
            self.log.warn("{group}: source {verdict}: {why}", group=self._group, verdict=verdict, why=problem)
        self.problem = problem
        if decision.verdict is Verdict.APPLY:
            self._take(decision)

    def _take(self, decision: Decision) -> list[str]:
        before, self._said = self._said, dict(decision.servers)
        return self._merge(_wanted(before), _wanted(self._said), _SOURCE, Origin.SOURCE)


def _wanted(servers: dict[Address, int]) -> dict[Address, Wanted]:
    return {address: Wanted(str(address), weight) for address, weight in servers.items()}
