"""The schedulers that come with lbtwist, by the name that a group's `scheduler` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from zope.interface import implementer

from lbtwist.interfaces import IScheduler, ISchedulerMaker
from lbtwist.model.schedule.least_connections import LeastConnections, WeightedLeastConnections
from lbtwist.model.schedule.maglev import Maglev
from lbtwist.model.schedule.round_robin import RoundRobin
from lbtwist.model.schedule.source_hash import SourceHash
from lbtwist.model.schedule.two_choices import TwoChoices
from lbtwist.model.schedule.weighted_round_robin import WeightedRoundRobin

Chance = Callable[[], float]


@implementer(ISchedulerMaker)
@dataclass(frozen=True)
class Maker:
    """A built-in kind of scheduler."""

    name: str
    kind: Callable[[Chance], IScheduler]

    def make(self, chance: Chance) -> IScheduler:
        """A scheduler without members."""
        return self.kind(chance)


_MAKERS = (
    Maker("wrr", lambda chance: WeightedRoundRobin()),
    Maker("wlc", lambda chance: WeightedLeastConnections()),
    Maker("source_hash", lambda chance: SourceHash()),
    Maker("rr", lambda chance: RoundRobin()),
    Maker("lc", lambda chance: LeastConnections()),
    Maker("maglev", lambda chance: Maglev()),
    Maker("random", TwoChoices),
)

BUILT_IN: Mapping[str, ISchedulerMaker] = MappingProxyType({maker.name: maker for maker in _MAKERS})
